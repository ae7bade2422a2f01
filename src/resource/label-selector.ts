/** metav1.LabelSelector: all parts must hold; an empty selector matches everything. */
export interface LabelSelector {
  readonly matchLabels?: Readonly<Record<string, string>>;
  readonly matchExpressions?: readonly {
    readonly key: string;
    readonly operator: string;
    readonly values?: readonly string[];
  }[];
}

/** Schema of an option that is a label selector. */
export function labelSelector(description: string) {
  return {
    type: "object",
    description,
    properties: {
      matchLabels: {
        type: "object",
        maxProperties: 32,
        additionalProperties: { type: "string", maxLength: 63 },
        description: "Labels that must be there with these values.",
      },
      matchExpressions: {
        type: "array",
        maxItems: 32,
        description: "Conditions that must all hold.",
        items: {
          type: "object",
          required: ["key", "operator"],
          properties: {
            key: { type: "string", minLength: 1, maxLength: 317, description: "Of a label." },
            operator: {
              type: "string",
              enum: ["In", "NotIn", "Exists", "DoesNotExist"],
              description: "`In` and `NotIn` compare with `values`, the others want none.",
            },
            values: {
              type: "array",
              maxItems: 64,
              description: "Values of the label.",
              items: { type: "string", maxLength: 63 },
            },
          },
          "x-kubernetes-validations": [
            {
              rule: "(self.operator in ['In', 'NotIn']) == (has(self.values) && size(self.values) > 0)",
              message: "In and NotIn need values, Exists and DoesNotExist have none",
            },
          ],
        },
      },
    },
  } as const;
}
