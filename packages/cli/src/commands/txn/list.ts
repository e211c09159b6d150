import type { Command } from 'commander'
import { addSuggested } from '../../choices.ts'
import { type CommandContext, type CommandModule, UsageError } from '../../command.ts'
import { matcherOf } from '../../glob.ts'
import { append } from '../../globals.ts'
import { parseDuration } from '../../records/time.ts'
import { brokersMissing, namesIn } from '../group/shared.ts'
import { wholeNumber } from '../topic/shared.ts'

/** As the client knows them; written here again so that completion need not load it. */
const STATES = [
  'Ongoing',
  'Empty',
  'PrepareCommit',
  'PrepareAbort',
  'CompleteCommit',
  'CompleteAbort',
  'PrepareEpochFence',
  'Dead',
]

export const command: CommandModule = {
  completes: 'transactions',

  configure(command: Command): void {
    command.argument('[pattern...]', 'only ids that match; * stands for anything')
    addSuggested(command, '--state <state>', 'only transactions in this state; may be repeated', STATES).argParser(
      append,
    )
    const id = wholeNumber('--producer-id', 0)
    command
      .option('--producer-id <id>', 'only of this producer; may be repeated', (text, before: number[] | undefined) => [
        ...(before ?? []),
        id(text),
      ])
      .option('--older-than <time>', 'only transactions open for longer, e.g. 10m')
      .option('--names', 'the ids alone, one a line')
    command.addHelpText(
      'after',
      `
A transaction is Ongoing while it is open, and Empty or Complete… when its
producer has none open. One that stays Ongoing beyond its timeout hangs.

Examples:
  ottla txn list
  ottla txn list --state ongoing --older-than 10m
  ottla txn list "payments-*" -o json`,
    )
  },

  async run(context: CommandContext): Promise<number> {
    const { options, output } = context
    const states = namesIn('--state', STATES, options.state ?? [])
    const olderThanMs = options.olderThan === undefined ? undefined : parseDuration(options.olderThan)
    if (olderThanMs === null) {
      throw new UsageError(`--older-than is a time like 10m or 90s, not ${JSON.stringify(options.olderThan)}`)
    }
    const { admin } = await context.kafka()
    const filter = {
      states,
      producerIds: options.producerId ?? [],
      ...(olderThanMs === undefined ? {} : { olderThanMs }),
    }
    const { transactions, failures } = await admin.listTransactions(filter)
    const matches = matcherOf(context.args)
    const shown = transactions.filter((t) => matches(t.transactionalId))
    if (options.names) await output.write(shown.map((t) => `${t.transactionalId}\n`).join(''))
    else if (shown.length === 0 && output.format === 'table') {
      if (process.stderr.isTTY) process.stderr.write('there are no such transactions\n')
    } else {
      await output.rows(shown, [
        { title: 'transactional id', value: (t) => t.transactionalId },
        { title: 'state', value: (t) => t.state },
        { title: 'producer', value: (t) => t.producerId, align: 'right' },
        { title: 'coordinator', value: (t) => t.coordinatorId, align: 'right' },
      ])
    }
    return brokersMissing(failures)
  },
}
