/** Which objects of a cluster ask for a name in DNS, and what addresses it is to have. */
import { isIP } from "node:net";
import { askedAddresses } from "#src/gateway/asked-address.ts";
import type { JudgedGateway } from "#src/gateway/gateway.ts";
import type { JudgedHttpRoute } from "#src/gateway/http-route.ts";
import { compareAge, keyOf, type ObjectIndex } from "#src/gateway/object-index.ts";
import type { GatewayAddress } from "#src/gateway/observed.ts";
import type { ObjectMeta } from "#src/resource/metadata.ts";
import { addressesOf, type Front } from "./front.ts";
import type { CarriedIngresses } from "./ingress.ts";

export interface NameClaim {
  /** Lower case, without a final dot; may begin with `*.`. */
  readonly name: string;
  /** Never empty. */
  readonly addresses: readonly GatewayAddress[];
  /** `HTTPRoute`. */
  readonly kind: string;
  readonly metadata: ObjectMeta;
}

/** Host names of a Service, separated by commas; the second is external-dns's. */
const HOSTNAMES = ["fairway.dev/hostname", "external-dns.alpha.kubernetes.io/hostname"];

export interface NameSources {
  readonly gateways: readonly JudgedGateway[];
  readonly routes: readonly JudgedHttpRoute[];
  /** Of all Ingresses, and their hosts as routes. */
  readonly ingresses: CarriedIngresses;
  /** Undefined on a machine. */
  readonly fronts: readonly Front[] | undefined;
}

/** The oldest first. */
export function claimNames(objects: ObjectIndex, { gateways, routes, ingresses, fronts }: NameSources): NameClaim[] {
  const addresses = gatewayAddresses([...gateways, ...ingresses.carriers], fronts);
  const claims = [
    ...gateways.flatMap(({ gateway: { metadata }, listeners }) =>
      listeners
        .filter(({ usable }) => usable)
        .map(({ listener }) => ({
          name: listener.hostname ?? "",
          addresses: addresses.get(keyOf(metadata)) ?? [],
          kind: "Gateway",
          metadata,
        })),
    ),
    ...routes.flatMap((route) => claimsOfRoute(route, addresses)),
    ...ingresses.routes.flatMap((route) => claimsOfIngress(route, addresses)),
    ...[...objects.services.values()].flatMap((service) =>
      service.spec.type !== "LoadBalancer"
        ? []
        : hostnamesOf(service.metadata).map((name) => ({
            name,
            addresses: addressesOf(service),
            kind: "Service",
            metadata: service.metadata,
          })),
    ),
  ];
  return claims
    .map((claim) => ({
      ...claim,
      name: claim.name.toLowerCase().replace(/\.$/, ""),
      addresses: claim.addresses.filter(isUsable),
    }))
    .filter((claim) => claim.name !== "" && claim.addresses.length > 0)
    .toSorted(compareAge);
}

/** Whether a host name may be the owner of records, or, without a wildcard, what an alias leads to. */
export function isHostname(name: string): boolean {
  return HOSTNAME.test(name) && name.length <= MAX_NAME;
}

const HOSTNAME = /^(\*\.)?([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)(\.[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)*$/;
/** Of characters (RFC 1035 section 2.3.4: 255 octets with length octets). */
const MAX_NAME = 253;

/** Whoever writes a Service's status may err. */
function isUsable({ type, value }: GatewayAddress): boolean {
  if (type === "IPAddress") return isIP(value) !== 0 && !value.includes("%");
  return isHostname(value.toLowerCase().replace(/\.$/, "")) && !value.startsWith("*");
}

/** By `NAMESPACE/NAME`. On a machine (without fronts) a Gateway's addresses are those that it names. */
function gatewayAddresses(
  gateways: readonly JudgedGateway[],
  fronts: readonly Front[] | undefined,
): ReadonlyMap<string, readonly GatewayAddress[]> {
  const byOwner = fronts && new Map(fronts.map((front) => [front.owner, front.addresses]));
  return new Map(
    gateways.map((judged) => {
      const named = askedAddresses(judged.gateway);
      const own = named.map((value): GatewayAddress => ({ type: "IPAddress", value }));
      return [keyOf(judged.gateway.metadata), byOwner === undefined ? own : (byOwner.get(judged.owner) ?? [])];
    }),
  );
}

/** A name that a route has at several Gateways has the addresses of all. */
function claimsOfRoute(
  { route, attachments }: JudgedHttpRoute,
  addresses: ReadonlyMap<string, readonly GatewayAddress[]>,
): NameClaim[] {
  const names = new Map<string, GatewayAddress[]>();
  for (const { listener, hostnames } of attachments) {
    if (!listener.usable) continue;
    for (const name of hostnames) {
      const known = names.get(name) ?? [];
      const more = addresses.get(keyOf(listener.gateway.metadata)) ?? [];
      names.set(name, [...known, ...more.filter(({ value }) => !known.some((each) => each.value === value))]);
    }
  }
  return Array.from(names, ([name, all]) => ({ name, addresses: all, kind: "HTTPRoute", metadata: route.metadata }));
}

/** Its route is named `NAMESPACE/NAME/HOST`. At a listener of HTTPS with a pattern it has a name of its own, too. */
function claimsOfIngress(
  route: JudgedHttpRoute,
  addresses: ReadonlyMap<string, readonly GatewayAddress[]>,
): NameClaim[] {
  return claimsOfRoute(route, addresses).map((claim) => {
    const { metadata } = claim;
    return { ...claim, kind: "Ingress", metadata: { ...metadata, name: metadata.name.split("/")[0]! } };
  });
}

function hostnamesOf({ annotations }: ObjectMeta): string[] {
  const names = HOSTNAMES.flatMap((annotation) => (annotations[annotation] ?? "").split(","));
  return [...new Set(names.map((name) => name.trim()))];
}
