import type { LabelSelector } from "#src/resource/label-selector.ts";

/** Whether labels satisfy a metav1.LabelSelector; undefined when the selector itself is malformed. */
export function matchesSelector(
  selector: LabelSelector,
  labels: Readonly<Record<string, string>>,
): boolean | undefined {
  let matches = Object.entries(selector.matchLabels ?? {}).every(([key, value]) => labels[key] === value);
  for (const { key, operator, values = [] } of selector.matchExpressions ?? []) {
    const label = labels[key];
    switch (operator) {
      case "In":
      case "NotIn": {
        if (values.length === 0) return undefined;
        const isIn = label !== undefined && values.includes(label);
        matches &&= operator === "In" ? isIn : !isIn;
        break;
      }
      case "Exists":
      case "DoesNotExist":
        if (values.length > 0) return undefined;
        matches &&= (label !== undefined) === (operator === "Exists");
        break;
      default:
        return undefined;
    }
  }
  return matches;
}
