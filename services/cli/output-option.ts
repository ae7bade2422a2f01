/** `-o table|json`: a table for people, JSON for machines. */
export const OUTPUT_OPTION = {
  type: "string",
  short: "o",
  default: "table",
  choices: ["table", "json"],
  help: "Form of what is printed.",
} as const;
