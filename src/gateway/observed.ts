import type { Entry } from "#src/config/model.ts";
import type { Refusal } from "./condition.ts";

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
  /** It has all that its plane is given now in use, and refuses none of it: then nobody asks for single entries. */
  readonly isCurrent: boolean;
  /** It is not connected since then, in milliseconds since 1970; undefined: it is. */
  readonly silentSince: number | undefined;
  /** Whether it has this version of the entry in use. False as long as it is not connected. */
  readonly holds: (entry: Entry) => boolean;
  /** Why it refuses this version of the entry, if it does. */
  readonly refusal: (entry: Entry) => string | undefined;
  /** Whether all its processes listen at the port of a port entry; undefined as long as it is not connected. */
  readonly isBound: (key: string) => boolean | undefined;
}

/** That a plane is given something: an entry in its present version. */
export interface Carried {
  /** Plane.id. */
  readonly plane: string;
  readonly entry: Entry;
}

/** Of Gateway.status.addresses. */
export interface GatewayAddress {
  readonly type: "IPAddress" | "Hostname";
  readonly value: string;
}

/** What has become of the configuration, for the status of objects. */
export interface StatusFacts {
  readonly pods: readonly PodObservation[];
  /** What an object is carried as: by `KIND NAMESPACE/NAME`, of a listener `Gateway NAMESPACE/NAME/SECTION`. */
  readonly carried: ReadonlyMap<string, readonly Carried[]>;
  /** Where a Gateway (`Gateway NAMESPACE/NAME`) or all Ingresses (`Ingress`) are reached, or why nowhere. */
  readonly addresses: ReadonlyMap<string, readonly GatewayAddress[] | Refusal>;
  /** When this version of an entry was published, in milliseconds since 1970. */
  readonly publishedAt: (entry: Entry) => number;
}
