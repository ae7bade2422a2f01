/** What a fetch is told when it begins. */
import type { Exchange } from "#src/http/exchange.ts";
import type { FieldEdits } from "#src/http/field-edits.ts";
import type { Message } from "#src/http/message.ts";
import type { CacheRoute } from "../route.ts";
import type { Revalidated } from "./revalidated.ts";

export interface FetchPlan {
  readonly route: CacheRoute;
  readonly request: Message;
  readonly edits: FieldEdits;
  /** What others find it by, "" when none may join. */
  readonly shareKey: string;
  readonly baseKey: string;
  readonly stored: Revalidated | undefined;
  readonly background: boolean;
  /** For an exchange that waited for this response and cannot have it. */
  readonly fetchAlone: (exchange: Exchange) => void;
}
