import type { Gateway } from "#src/resource/gateway.ts";

/** Addresses that a Gateway asks for; one without a value leaves the choice to us (GatewaySpecAddress.value). */
export function askedAddresses({ spec }: Gateway): string[] {
  return (spec.addresses ?? []).flatMap(({ value = "" }) => (value === "" ? [] : [value]));
}
