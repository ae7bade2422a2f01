/** `fairway completion SHELL`: a script that completes commands and options, made from the declarations. */
import { type Command, defineCommand } from "#src/process/command-line.ts";
import { flagName } from "#src/process/option-text.ts";

const SHELLS = ["bash", "zsh", "fish"] as const;

export const completionOf = (commands: () => readonly Command[]): Command =>
  defineCommand({
    name: "completion",
    help: "Print a completion script for bash, zsh or fish.",
    arguments: [{ name: "<shell>", help: "bash, zsh or fish." }],
    options: {},
    run: async ({ arguments: [shell] }) => {
      const script =
        shell === "fish"
          ? fish(commands())
          : shell === "zsh"
            ? zsh(commands())
            : shell === "bash"
              ? bash(commands())
              : undefined;
      if (script === undefined) {
        console.error(`Cannot make a completion for ${shell}: known are ${SHELLS.join(", ")}`);
        return 2;
      }
      console.log(script);
      return 0;
    },
  });

const flagsOf = (command: Command): string[] => Object.keys(command.options).map((name) => `--${flagName(name)}`);

function bash(commands: readonly Command[]): string {
  return [
    "# fairway completion bash >> ~/.bashrc",
    "_fairway() {",
    '  local word="${COMP_WORDS[COMP_CWORD]}"',
    '  if [ "$COMP_CWORD" -eq 1 ]; then',
    `    COMPREPLY=($(compgen -W "${commands.map(({ name }) => name).join(" ")}" -- "$word")); return`,
    "  fi",
    '  case "${COMP_WORDS[1]}" in',
    ...commands.map(
      (command) => `    ${command.name}) COMPREPLY=($(compgen -f -W "${flagsOf(command).join(" ")}" -- "$word"));;`,
    ),
    "  esac",
    "}",
    "complete -F _fairway fairway",
  ].join("\n");
}

function zsh(commands: readonly Command[]): string {
  return ["# fairway completion zsh >> ~/.zshrc", "autoload -U +X bashcompinit && bashcompinit", bash(commands)].join(
    "\n",
  );
}

function fish(commands: readonly Command[]): string {
  return [
    "# fairway completion fish > ~/.config/fish/completions/fairway.fish",
    ...commands.flatMap((command) => [
      `complete -c fairway -n __fish_use_subcommand -f -a ${command.name} -d '${command.help.replaceAll("'", String.raw`\'`)}'`,
      ...Object.entries(command.options).map(
        ([name, option]) =>
          `complete -c fairway -n '__fish_seen_subcommand_from ${command.name}' -l ${flagName(name)} -d '${option.help.replaceAll("'", String.raw`\'`)}'`,
      ),
    ]),
  ].join("\n");
}
