import type { Command } from 'commander'
import { addSuggested } from '../../choices.ts'
import type { CommandContext, CommandModule } from '../../command.ts'
import { matcherOf } from '../../glob.ts'
import { append } from '../../globals.ts'
import { brokersMissing, namesIn } from './shared.ts'

/** As the client knows them; written here again so that completion need not load it. */
const STATES = ['Stable', 'Empty', 'PreparingRebalance', 'CompletingRebalance', 'Assigning', 'Reconciling', 'Dead']
const TYPES = ['classic', 'consumer', 'share', 'streams']

export const command: CommandModule = {
  completes: 'groups',

  configure(command: Command): void {
    command.argument('[pattern...]', 'only groups whose name matches; * stands for anything')
    addSuggested(command, '--state <state>', 'only groups in this state; may be repeated', STATES).argParser(append)
    const described = 'only groups of this type; may be repeated'
    addSuggested(command, '--type <type>', described, TYPES).argParser(append)
    command.option('--names', 'the names alone, one a line')
    command.addHelpText(
      'after',
      `
A group is Stable when each member knows its partitions, Empty when it has only
offsets, and in any other state while its members come, go or agree.
Types: consumer is the protocol of KIP-848, classic the one before it.

Examples:
  ottla group list
  ottla group list "orders-*" --state empty
  ottla group list --type consumer -o json`,
    )
  },

  async run(context: CommandContext): Promise<number> {
    const { options, output } = context
    const states = namesIn('--state', [...STATES, 'NotReady'], options.state ?? [])
    const types = namesIn('--type', TYPES, options.type ?? [])
    const { admin } = await context.kafka()
    const { groups, failures } = await admin.listGroups({ states, types })
    const matches = matcherOf(context.args)
    const shown = groups.filter((group) => matches(group.groupId))
    if (options.names) await output.write(shown.map((g) => `${g.groupId}\n`).join(''))
    else if (shown.length === 0 && output.format === 'table') {
      if (process.stderr.isTTY) process.stderr.write('there are no such groups\n')
    } else {
      await output.rows(shown, [
        { title: 'group', value: (g) => g.groupId },
        { title: 'state', value: (g) => g.state },
        { title: 'type', value: (g) => g.type },
        { title: 'protocol', value: (g) => g.protocolType },
        { title: 'coordinator', value: (g) => g.coordinatorId, align: 'right' },
      ])
    }
    return brokersMissing(failures)
  },
}
