import type { Entry } from "#src/config/model.ts";
import type { Refusal } from "#src/gateway/condition.ts";
import { compareText } from "#src/gateway/object-index.ts";
import type { Carried, GatewayAddress, PodObservation } from "#src/gateway/observed.ts";
import type { Front } from "./front.ts";
import { serviceType } from "./front-service.ts";
import type { Translation } from "./translate.ts";

/** See StatusFacts.carried. */
export function carriedOf({
  entries,
  planesOf,
  dataPlanes,
}: Pick<Translation, "entries" | "planesOf" | "dataPlanes">): Map<string, Carried[]> {
  const byKey = new Map(entries.map((entry) => [entry.key, entry]));
  const carried = new Map<string, Carried[]>();
  const add = (name: string, entry: Entry, planes: Iterable<string>): void => {
    const list = carried.get(name) ?? [];
    for (const plane of planes) {
      if (!list.some((each) => each.plane === plane && each.entry === entry)) list.push({ plane, entry });
    }
    carried.set(name, list);
  };
  for (const entry of entries) {
    const planes = planesOf(entry);
    for (const name of namesOf(entry)) add(name, entry, planes);
    if (entry.value.kind !== "port") continue;
    for (const { id, certificates } of entry.value.listeners) {
      for (const certificate of certificates) {
        const held = byKey.get(certificate);
        if (held !== undefined) add(`Gateway ${id}`, held, planes);
      }
    }
  }
  for (const [name, planes] of dataPlanes) {
    for (const plane of planes) {
      const entry = byKey.get(`dataplane/${plane}`);
      if (entry !== undefined) add(`DataPlane ${name}`, entry, [plane]);
    }
  }
  return carried;
}

/** What an entry is of: see StatusFacts.carried. */
function namesOf({ key, value }: Entry): string[] {
  switch (value.kind) {
    case "port":
      return value.listeners.map(({ id }) => `Gateway ${id}`);
    case "httpRoute":
      return [`HTTPRoute ${value.id}`];
    case "l4Route":
      return [`${value.protocol}Route ${value.id}`];
    case "backend": {
      const [, namespace, kind, name] = key.split("/");
      return kind === "Backend" ? [`Backend ${namespace}/${name}`] : [];
    }
    case "zone":
      return [
        key.replace("zone/", "Zone "),
        ...value.backends.filter(({ id }) => id !== "").map(({ id }) => `Backend ${id}`),
      ];
    case "certificate":
    case "dataPlane":
      break;
  }
  return [];
}

/** See StatusFacts.addresses. A NodePort and host ports are reached at the nodes of the plane's ready pods. */
export function addressesOfFronts(
  fronts: readonly Front[],
  pods: readonly PodObservation[],
): Map<string, readonly GatewayAddress[] | Refusal> {
  const ready = Map.groupBy(
    pods.filter(({ isReady }) => isReady),
    ({ plane }) => plane,
  );
  return new Map(
    fronts.map((front) => {
      const isAtNodes = front.plane.ports === "listener" || serviceType(front) === "NodePort";
      const addresses = isAtNodes ? nodesOf(ready.get(front.plane.id) ?? []) : front.addresses;
      return [front.owner, refusalOf(front, addresses) ?? addresses];
    }),
  );
}

function refusalOf(
  { isTaken, namespace, name, address }: Front,
  addresses: readonly GatewayAddress[],
): Refusal | undefined {
  if (isTaken) {
    return {
      reason: "NoResources",
      message: `Service ${namespace}/${name} is there already, and is not the Gateway's`,
    };
  }
  if (address === "" || addresses.length === 0 || addresses.some(({ value }) => value === address)) return undefined;
  return { reason: "AddressNotUsable", message: `the load balancer did not give ${address}` };
}

function nodesOf(pods: readonly PodObservation[]): GatewayAddress[] {
  const addresses = new Set(pods.flatMap(({ hostAddresses }) => hostAddresses));
  return [...addresses].toSorted(compareText).map((value) => ({ type: "IPAddress", value }));
}
