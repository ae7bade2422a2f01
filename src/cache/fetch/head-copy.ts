/** Heads that outlive the call that brought them. */
import { Message } from "#src/http/message.ts";

/** A response's head over bytes of its own. */
export function copyOfHead(head: Message): Message {
  let start = head.bytes.length;
  let end = 0;
  for (let i = 0; i < head.fieldCount * 4; i += 2) {
    start = Math.min(start, head.ranges[i]!);
    end = Math.max(end, head.ranges[i + 1]!);
  }
  return Message.copyOf(head, Math.min(start, end), end);
}
