/** The way of one exchange through its stages: requests forwards, response heads backwards through those that were passed. */
import type { Exchange } from "../exchange.ts";
import type { FieldEdits } from "../field-edits.ts";
import type { Message } from "../message.ts";
import type { Stage } from "../stage.ts";

export class StageRun {
  /** Stages still to run, innermost list last: a route's own are run before the listener's remaining ones. */
  readonly #lists: (readonly Stage[])[] = [];
  readonly #next: number[] = [];
  #depth = 0;
  /** Passed stages that want to see the response. */
  readonly #watchers: Stage[] = [];

  begin(stages: readonly Stage[]): void {
    this.#depth = 0;
    this.#watchers.length = 0;
    this.follow(stages);
  }

  follow(stages: readonly Stage[]): void {
    this.#lists[this.#depth] = stages;
    this.#next[this.#depth] = 0;
    this.#depth++;
  }

  /** Goes on from where it stopped. "done": answered by a stage; "wait": will be; "unanswered": no stage was left. */
  run(exchange: Exchange): "done" | "wait" | "unanswered" {
    while (this.#depth > 0) {
      const top = this.#depth - 1;
      const list = this.#lists[top]!;
      const index = this.#next[top]!;
      if (index === list.length) {
        this.#depth = top;
        continue;
      }
      this.#next[top] = index + 1;
      const stage = list[index]!;
      if (stage.onResponse !== undefined) this.#watchers.push(stage);
      const outcome = stage.onRequest(exchange);
      if (outcome !== "next") return outcome;
    }
    return "unanswered";
  }

  /** Whether a stage wants to see the response's head. */
  get watched(): boolean {
    return this.#watchers.length > 0;
  }

  /** Shows the response's head to the passed stages, last first. They may add to `edits`. */
  showResponse(exchange: Exchange, head: Message, edits: FieldEdits): void {
    for (let i = this.#watchers.length - 1; i >= 0; i--) this.#watchers[i]!.onResponse!(exchange, head, edits);
  }
}
