import type { Command } from 'commander'
import { type CommandContext, type CommandModule, UsageError } from '../../command.ts'
import { addHidden, append } from '../../globals.ts'
import { addResourceAliases, change, namesOf, oneResource, RESOURCES_HELP } from './shared.ts'

export const command: CommandModule = {
  completes: 'topics',

  configure(command: Command): void {
    command
      .argument('[resource]', 'what to configure, e.g. topic/orders')
      .argument('[name...]', 'settings that go back to their defaults')
      .option('--dry-run', 'check everything and change nothing')
    addResourceAliases(command)
    addHidden(command, '--delete-config <names>', append)
    command.addHelpText('after', `${RESOURCES_HELP}\n\nExample:\n  ottla config unset topic/orders retention.ms`)
  },

  async run(context: CommandContext): Promise<number> {
    const { resource, rest } = oneResource(context)
    const names = [...rest, ...namesOf((context.options.deleteConfig as string[] | undefined) ?? [])]
    if (names.length === 0) throw new UsageError('name at least one setting')
    return change(
      context,
      resource,
      names.map((name) => ({ name, op: 'delete' })),
    )
  },
}
