/** The child's side of supervision: a service's main started by `fairway up`. */
import { endWithParent } from "./parent-death.ts";

const VARIABLE = "FAIRWAY_SUPERVISOR";
const RESTARTS_VARIABLE = "FAIRWAY_RESTARTS";

/** What the supervisor is told over the IPC channel. */
export interface ReadyMessage {
  readonly type: "ready";
  /** `HOST:PORT` of the admin endpoint. */
  readonly admin: string;
}

/** `restarts`: how often the service was started before. */
export function supervisorEnvironment(restarts: number): Record<string, string> {
  return { [VARIABLE]: String(process.pid), [RESTARTS_VARIABLE]: String(restarts) };
}

/**
 * Ties this process's life to its supervisor's, when it has one; taken out of the environment, so that children have none.
 * How often the supervisor has started the service again; 0 without one.
 */
export function takeSupervisor(environment: Record<string, string | undefined>): number {
  const pid = environment[VARIABLE];
  const restarts = environment[RESTARTS_VARIABLE];
  if (pid === undefined) return 0;
  delete environment[VARIABLE];
  delete environment[RESTARTS_VARIABLE];
  endWithParent(Number(pid));
  return Number(restarts ?? 0);
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
