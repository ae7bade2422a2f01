import type { Decoder } from "#src/resource/decode.ts";
import { type Resource, resourceName } from "#src/resource/resource.ts";
import type { Fault } from "#src/resource/schema.ts";
import { type CheckZone, renderZone } from "#src/resource/zone-text.ts";

/** How values become objects. */
export interface Reading {
  readonly decode: Decoder;
  /** Reads zones as the server will, so that one that cannot be served is refused here. */
  readonly checkZone: CheckZone;
}

/** `line` counts within a zone file that the object holds, from 1; 0 outside of one. */
export interface ObjectFault extends Fault {
  readonly line: number;
}

export type ReadObject =
  | { readonly resource: Resource }
  | {
      readonly resource?: undefined;
      /** What it seems to be (see resourceName); undefined when it does not say. */
      readonly name: string | undefined;
      readonly faults: readonly ObjectFault[];
    };

/** Decodes one value (which must not be used otherwise) and reads what the decoder does not look into. */
export function readObject(value: unknown, { decode, checkZone }: Reading): ReadObject {
  const decoded = decode(value);
  if (decoded.resource === undefined)
    return { name: decoded.name, faults: decoded.faults.map((fault) => ({ ...fault, line: 0 })) };
  const { resource } = decoded;
  if (resource.kind !== "Zone") return { resource };
  const zone = renderZone(resource);
  const faults = checkZone(zone).map(({ line, reason }) => ({ ...zone.placeOf(line), reason }));
  return faults.length === 0 ? { resource } : { name: resourceName(resource), faults };
}
