/**
 * Schemas for kubeconform, offline: Kubernetes' own kinds from its OpenAPI document, those of Gateway API and the
 * Prometheus Operator from their CRDs, all out of Go's module cache, and ours from `manifests/crds`.
 */
import { globSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { splitDocuments } from "#src/resource/documents.ts";
import { parseYaml } from "#src/resource/yaml.ts";
import { goModuleFolder } from "#src/testing/go-module.ts";

const KUBERNETES = "k8s.io/kubernetes@v1.35.4";
/** Modules with CRDs, and where in them. */
const DEFINITIONS: Readonly<Record<string, string>> = {
  "sigs.k8s.io/gateway-api@v1.6.3": "config/crd/standard/*.yaml",
  "github.com/prometheus-operator/prometheus-operator@v0.85.0":
    "example/prometheus-operator-crd/*_{servicemonitors,podmonitors}.yaml",
};

/** JSON schema; `$ref` and keywords of Kubernetes among its members. */
type Schema = Readonly<Record<string, unknown>>;

interface GroupVersionKind {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
}

/** Writes a file for each kind into `folder`, named as SCHEMA_LOCATION expects. `root` is the repository. */
export function writeKubeSchemas(root: string, folder: string): void {
  const write = (of: GroupVersionKind, schema: Schema): void => {
    const group = of.group === "" ? "" : `-${of.group.split(".")[0]}`;
    writeFileSync(join(folder, `${of.kind.toLowerCase()}${group}-${of.version}.json`), JSON.stringify(schema));
  };
  const { definitions } = JSON.parse(
    readFileSync(join(goModuleFolder(KUBERNETES), "api/openapi-spec/swagger.json"), "utf8"),
  ) as { definitions: Readonly<Record<string, Schema>> };
  for (const [name, definition] of Object.entries(definitions)) {
    const kinds = definition["x-kubernetes-group-version-kind"] as readonly GroupVersionKind[] | undefined;
    if (kinds?.length === 1) write(kinds[0]!, strict(resolve(definitions, name)));
  }
  const files = [
    ...globSync(join(root, "manifests/crds/*.yaml")),
    ...Object.entries(DEFINITIONS).flatMap(([module, pattern]) => globSync(join(goModuleFolder(module), pattern))),
  ];
  for (const { text } of files.flatMap((file) => [...splitDocuments(readFileSync(file, "utf8"))])) {
    const { kind, spec } = parseYaml(text).value as CustomResourceDefinition;
    if (kind !== "CustomResourceDefinition") continue;
    for (const { name: version, schema } of spec.versions) {
      write({ group: spec.group, version, kind: spec.names.kind }, strict(schema.openAPIV3Schema));
    }
  }
}

/** For kubeconform's --schema-location. */
export function schemaLocation(folder: string): string {
  return join(folder, "{{.ResourceKind}}{{.KindSuffix}}.json");
}

interface CustomResourceDefinition {
  readonly kind: string;
  readonly spec: {
    readonly group: string;
    readonly names: { readonly kind: string };
    readonly versions: readonly { readonly name: string; readonly schema: { readonly openAPIV3Schema: Schema } }[];
  };
}

/** What is an integer or a string in fact, and which the document calls a string. */
const INT_OR_STRING: Schema = { oneOf: [{ type: "integer" }, { type: "string" }] };
const QUANTITY: Schema = { oneOf: [{ type: "number" }, { type: "string" }] };
const REFERENCE = "#/definitions/";

/** Every reference replaced by what it refers to; what contains itself (JSONSchemaProps) is any object the second time. */
function resolve(definitions: Readonly<Record<string, Schema>>, name: string, above: readonly string[] = []): Schema {
  if (name.endsWith(".IntOrString")) return INT_OR_STRING;
  if (name.endsWith(".Quantity")) return QUANTITY;
  if (above.includes(name)) return {};
  const inline = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(inline);
    if (typeof value !== "object" || value === null) return value;
    // A property may have the name: then its value is no text.
    if ("$ref" in value && typeof value.$ref === "string") {
      return resolve(definitions, value.$ref.slice(REFERENCE.length), [...above, name]);
    }
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, inline(item)]));
  };
  return inline(definitions[name]!) as Schema;
}

/** No field beside those that are named. */
function strict(schema: Schema): Schema {
  const { properties, items, additionalProperties } = schema as {
    readonly properties?: Readonly<Record<string, Schema>>;
    readonly items?: Schema;
    readonly additionalProperties?: Schema | boolean;
  };
  const isOpen = additionalProperties !== undefined || schema["x-kubernetes-preserve-unknown-fields"] === true;
  return {
    ...schema,
    ...(schema["x-kubernetes-int-or-string"] === true && INT_OR_STRING),
    ...(properties && {
      properties: Object.fromEntries(Object.entries(properties).map(([key, item]) => [key, strict(item)])),
    }),
    ...(properties && !isOpen && { additionalProperties: false }),
    ...(items && { items: strict(items) }),
    ...(typeof additionalProperties === "object" && { additionalProperties: strict(additionalProperties) }),
  };
}
