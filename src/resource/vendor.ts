/**
 * Takes the schemas of Gateway API's kinds out of a release's install file: `node src/resource/vendor.ts FILE`.
 * Descriptions stay behind: they are three quarters of the text, and nothing here shows them.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { splitDocuments } from "./documents.ts";
import { parseYaml } from "./yaml.ts";

const KINDS = ["GatewayClass", "Gateway", "HTTPRoute", "TCPRoute", "UDPRoute", "ReferenceGrant"];

interface CustomResourceDefinition {
  readonly kind: string;
  readonly spec: {
    readonly names: { readonly kind: string; readonly plural: string };
    readonly versions: readonly { readonly name: string; readonly schema: { readonly openAPIV3Schema: unknown } }[];
  };
}

function isDefinition(value: unknown): value is CustomResourceDefinition {
  return typeof value === "object" && value !== null && "kind" in value && value.kind === "CustomResourceDefinition";
}

/** The same schema without descriptions; `properties` holds names, not keywords. */
function withoutDescriptions(schema: unknown, names = false): unknown {
  if (Array.isArray(schema)) return schema.map((item) => withoutDescriptions(item));
  if (typeof schema !== "object" || schema === null) return schema;
  const kept = Object.entries(schema).filter(([key]) => names || key !== "description");
  return Object.fromEntries(
    kept.map(([key, value]) => [key, withoutDescriptions(value, !names && key === "properties")]),
  );
}

const file = process.argv[2];
if (file === undefined) throw new Error("Cannot vendor Gateway API: name its standard-install.yaml");
for (const { text } of splitDocuments(readFileSync(file, "utf8"))) {
  const { value } = parseYaml(text);
  if (!isDefinition(value) || !KINDS.includes(value.spec.names.kind)) continue;
  const version = value.spec.versions.find(({ name }) => name === "v1");
  if (version === undefined) throw new Error(`Cannot vendor ${value.spec.names.kind}: it has no version v1`);
  const target = new URL(`gateway-api/${value.spec.names.plural}.json`, import.meta.url);
  writeFileSync(target, `${JSON.stringify(withoutDescriptions(version.schema.openAPIV3Schema), undefined, 2)}\n`);
}
