/** The words of one record in presentation form, as the master file parser cut them. */

export interface Token {
  /** Without quotes, escapes not yet resolved. */
  readonly text: string;
  readonly quoted: boolean;
}

export class Tokens {
  readonly #tokens: readonly Token[];
  #at: number;

  constructor(tokens: readonly Token[], at: number = 0) {
    this.#tokens = tokens;
    this.#at = at;
  }

  /** True when nothing is left. */
  get done(): boolean {
    return this.#at >= this.#tokens.length;
  }

  next(): Token | undefined {
    return this.#tokens[this.#at++];
  }

  peek(): Token | undefined {
    return this.#tokens[this.#at];
  }

  /** The next token's text. */
  word(): string | undefined {
    return this.next()?.text;
  }

  /** The texts of all that are left. */
  rest(): string[] {
    const texts = this.#tokens.slice(this.#at).map((token) => token.text);
    this.#at = this.#tokens.length;
    return texts;
  }
}
