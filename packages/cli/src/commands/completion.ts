import type { Command } from 'commander'
import { oneOf } from '../choices.ts'
import type { CommandContext, CommandModule } from '../command.ts'

/** Each asks `ottla __complete`, which knows commands, options and the topics of the broker. */
const scripts: Readonly<Record<string, string>> = {
  bash: `_ottla() {
  local IFS=$'\\n'
  COMPREPLY=($(ottla __complete "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null))
  [ \${#COMPREPLY[@]} -eq 0 ] && compopt -o default
}
complete -F _ottla ottla
`,
  zsh: `#compdef ottla
_ottla() {
  local -a candidates
  candidates=("\${(@f)$(ottla __complete "\${(@)words[2,CURRENT]}" 2>/dev/null)}")
  if [ -n "\${candidates[1]}" ]; then compadd -a candidates; else _files; fi
}
if [ "$funcstack[1]" = "_ottla" ]; then _ottla "$@"; else compdef _ottla ottla; fi
`,
  fish: `function __ottla_complete
  set -l words (commandline -opc)
  set -l last (commandline -ct)
  set -l found (ottla __complete $words[2..-1] "$last" 2>/dev/null)
  if test (count $found) -gt 0
    printf '%s\\n' $found
  else
    __fish_complete_path "$last"
  end
end
complete -c ottla -f -a '(__ottla_complete)'
`,
}

const SHELLS = Object.keys(scripts)

export const command: CommandModule = {
  shares: 'none',
  completes: SHELLS,

  configure(command: Command): void {
    command.argument('<shell>', SHELLS.join(', '))
    command.addHelpText(
      'after',
      `
Examples:
  source <(ottla completion bash)
  ottla completion zsh > "\${fpath[1]}/_ottla"
  ottla completion fish > ~/.config/fish/completions/ottla.fish`,
    )
  },

  async run(context: CommandContext): Promise<undefined> {
    await context.output.write(scripts[oneOf('the shell', SHELLS, context.args[0])])
    return undefined
  },
}
