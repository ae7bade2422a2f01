/** Is this JSON value the frame it says it is? A stranger's frame is checked whole before anything reads it. */
import type { Entry } from "#src/config/model.ts";
import type { ClientFrame, ServerFrame } from "./frame.ts";

/** The frame, or undefined when it is none that a client sends. */
export function asClientFrame(value: unknown): ClientFrame | undefined {
  return isClientFrame(value) ? value : undefined;
}

/** The frame, or undefined when it is none that a server sends. */
export function asServerFrame(value: unknown): ServerFrame | undefined {
  return isServerFrame(value) ? value : undefined;
}

function isClientFrame(value: unknown): value is ClientFrame {
  if (!isRecord(value)) return false;
  switch (value["type"]) {
    case "token":
      return isString(value["token"]);
    case "hello":
      return (
        typeof value["protocol"] === "number" &&
        isString(value["client"]) &&
        typeof value["follow"] === "boolean" &&
        (value["digest"] === undefined || isString(value["digest"])) &&
        (value["have"] === undefined || (isRecord(value["have"]) && Object.values(value["have"]).every(isString)))
      );
    case "ack":
      return isString(value["digest"]) && isListOf(value["rejected"], isRejection);
    case "observed":
      return (
        isString(value["key"]) && isString(value["version"]) && isString(value["state"]) && isProcess(value["process"])
      );
    case "result":
      return typeof value["id"] === "number" && isListOf(value["outcomes"], isOutcome);
    case "ping":
      return true;
    default:
      return false;
  }
}

function isServerFrame(value: unknown): value is ServerFrame {
  if (!isRecord(value)) return false;
  switch (value["type"]) {
    case "update":
      return (
        isString(value["digest"]) &&
        isRevision(value["revision"]) &&
        isListOf(value["upsert"], isEntry) &&
        isListOf(value["remove"], isString)
      );
    case "offer":
      return (
        isString(value["server"]) &&
        isString(value["digest"]) &&
        isRevision(value["revision"]) &&
        isRevision(value["term"])
      );
    case "refused":
      return isString(value["reason"]);
    case "want":
      return true;
    case "command":
      return typeof value["id"] === "number" && isString(value["name"]);
    case "ping":
      return true;
    default:
      return false;
  }
}

const isString = (value: unknown): value is string => typeof value === "string";

const isRevision = (value: unknown): boolean => Number.isSafeInteger(value) && Number(value) >= 0;

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const isListOf = (value: unknown, isItem: (item: unknown) => boolean): boolean =>
  Array.isArray(value) && value.every(isItem);

/** The value itself is the server's own and trusted: only that it is one of the kinds can be told here. */
export const isEntry = (value: unknown): value is Entry =>
  isRecord(value) &&
  isString(value["key"]) &&
  isString(value["version"]) &&
  isRecord(value["value"]) &&
  isString(value["value"]["kind"]);

const isRejection = (value: unknown): boolean =>
  isRecord(value) && isString(value["key"]) && isString(value["version"]) && isString(value["reason"]);

const isProcess = (value: unknown): boolean => value === undefined || typeof value === "number";

const isOutcome = (value: unknown): boolean =>
  isRecord(value) && isProcess(value["process"]) && (value["error"] === undefined || isString(value["error"]));
