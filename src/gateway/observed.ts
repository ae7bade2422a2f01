import type { Entry } from "#src/config/model.ts";

/** What is known of one pod of a data plane: from the API server, and from the config stream that it is connected to. */
export interface PodObservation {
  /** Plane.id. */
  readonly plane: string;
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly nodeName: string;
  /** Of its node, "" when that has none. */
  readonly zone: string;
  /** Its own, one of each family at most. */
  readonly addresses: readonly string[];
  /** Of its node. */
  readonly hostAddresses: readonly string[];
  /** Its condition Ready. */
  readonly isReady: boolean;
  /** It has a deletion timestamp. */
  readonly isTerminating: boolean;
  /** Whether it has this version of the entry in use. False as long as it is not connected. */
  readonly holds: (entry: Entry) => boolean;
  /** Why it refuses this version of the entry, if it does. */
  readonly refusal: (entry: Entry) => string | undefined;
  /** Whether all its processes listen at the port of a port entry; undefined as long as it is not connected. */
  readonly isBound: (key: string) => boolean | undefined;
}
