/** What a main and its data processes say to each other over the config stream, beside the configuration. */

/** Observations of a data process about itself have this key, and no version. */
export const PROCESS_KEY = "process";
export const READY_STATE = "ready";
/** Followed by a sentence. */
export const FAULT_STATE = "fault: ";

/** Take no new work, finish, end. Its outcome comes when nothing is open any more. */
export const DRAIN_COMMAND = "drain process";
/** The tables of configured labels; before the first update and whenever they change. */
export const LABELS_COMMAND = "metric labels";
