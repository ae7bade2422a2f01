/** A question as a resolver sends it: what strangers would have to guess to forge its answer is random (RFC 5452). */
import { randomFillSync } from "node:crypto";
import type { AskedQuestion } from "#src/dns/resolver/decode.ts";
import { MessageWriter } from "#src/dns/wire/message-writer.ts";
import { MAX_NAME_BYTES } from "#src/dns/wire/name.ts";
import { EDNS_UDP_SIZE } from "#src/dns/wire/reply-writer.ts";
import { CLASS } from "#src/dns/wire/type.ts";

/** Header, the longest question and OPT. */
export const QUESTION_BYTES = 12 + MAX_NAME_BYTES + 4 + 11;

/** The id, and one bit for each letter. */
const RANDOM_BYTES = 2 + Math.ceil(MAX_NAME_BYTES / 8);

export interface UpstreamQuestion {
  /** Name key: lower-case wire bytes, one character a byte. */
  readonly name: string;
  readonly type: number;
  readonly transport: "udp" | "tcp";
  readonly edns: boolean;
}

export class QuestionWriter {
  readonly #writer = new MessageWriter();
  readonly #random = new Uint8Array(RANDOM_BYTES);
  /** Bytes of the question written last. */
  length = 0;

  /** Writes the question at `start` of `bytes`, without RD. Returns what its answer must repeat. */
  write(question: UpstreamQuestion, bytes: Uint8Array, start: number): AskedQuestion {
    randomFillSync(this.#random);
    const id = (this.#random[0]! << 8) | this.#random[1]!;
    // Nobody forges answers over TCP from afar, and a few servers give names back in lower case.
    const name = question.transport === "udp" ? this.#mixCase(question.name) : Buffer.from(question.name, "latin1");
    this.#writer.begin(bytes, start, QUESTION_BYTES, id, 0);
    this.#writer.question(name, question.type, CLASS.IN);
    if (question.edns) this.#writer.edns({ udpSize: EDNS_UDP_SIZE, rcode: 0, dnssecOk: false });
    this.length = this.#writer.length;
    return { id, name, type: question.type };
  }

  /** draft-vixie-dnsext-dns0x20. The lengths in between are below the letters. */
  #mixCase(key: string): Uint8Array {
    const name = new Uint8Array(key.length);
    for (let at = 0; at < key.length; at++) {
      const byte = key.charCodeAt(at);
      const isLetter = byte >= 0x61 && byte <= 0x7a;
      const bit = (this.#random[2 + (at >> 3)]! >>> (at & 7)) & 1;
      name[at] = isLetter && bit === 1 ? byte - 0x20 : byte;
    }
    return name;
  }
}
