/** The child's side of supervision: a service's main started by `fairway up`. */
import { endWithParent } from "./parent-death.ts";

const VARIABLE = "FAIRWAY_SUPERVISOR";

/** What the supervisor is told over the IPC channel. */
export interface ReadyMessage {
  readonly type: "ready";
  /** `HOST:PORT` of the admin endpoint. */
  readonly admin: string;
}

export function supervisorEnvironment(): Record<string, string> {
  return { [VARIABLE]: String(process.pid) };
}

/** Ties this process's life to its supervisor's, when it has one; taken out of the environment, so that children have none. */
export function takeSupervisor(environment: Record<string, string | undefined>): void {
  const pid = environment[VARIABLE];
  if (pid === undefined) return;
  delete environment[VARIABLE];
  endWithParent(Number(pid));
}

export function reportReady(admin: string): void {
  const message: ReadyMessage = { type: "ready", admin };
  process.send?.(message);
}

export function isReadyMessage(value: unknown): value is ReadyMessage {
  return (
    typeof value === "object" &&
    value !== null &&
    "type" in value &&
    value.type === "ready" &&
    "admin" in value &&
    typeof value.admin === "string"
  );
}
