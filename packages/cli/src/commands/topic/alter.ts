import type { Command } from 'commander'
import type { CommandContext, CommandModule } from '../../command.ts'
import { UsageError } from '../../command.ts'
import { addHidden, append } from '../../globals.ts'
import {
  addTopicAlias,
  parseConfigs,
  refusePartition,
  refuseReplicaAssignment,
  report,
  someTopics,
  tolerateAbsent,
  wholeNumber,
} from './shared.ts'

export const command: CommandModule = {
  completes: 'topics',

  configure(command: Command): void {
    command
      .argument('[topic...]', 'topics to change')
      .option('-c, --config <name=value>', 'set a value; may be repeated', append)
      .option('--unset <name>', 'put a value back to its default; may be repeated', append)
      .option('--partitions <n>', 'raise the number of partitions to n', wholeNumber('--partitions', 1))
      .option('--dry-run', 'check everything and change nothing')
    addTopicAlias(command)
    addHidden(command, '--delete-config <name>', append)
    addHidden(command, '--if-exists')
    refusePartition(command)
    refuseReplicaAssignment(command)
    command.addHelpText(
      'after',
      '\nExample:\n  ottla topic alter orders -c retention.ms=86400000 --unset max.message.bytes',
    )
  },

  async run(context: CommandContext): Promise<number> {
    const names = someTopics(context)
    const { options } = context
    const changes = [
      ...Object.entries(parseConfigs(options.config)).map(([name, value]) => ({ name, op: 'set' as const, value })),
      ...([...(options.unset ?? []), ...(options.deleteConfig ?? [])] as string[]).map((name) => ({
        name,
        op: 'delete' as const,
      })),
    ]
    const count = options.partitions as number | undefined
    if (changes.length === 0 && count === undefined) {
      throw new UsageError('nothing to change: give --config, --unset or --partitions')
    }
    const validateOnly = options.dryRun === true
    const { admin } = await context.kafka()
    const results = [
      ...(count === undefined
        ? []
        : await admin.createPartitions(
            names.map((name) => ({ name, count })),
            { validateOnly },
          )),
      ...(changes.length === 0
        ? []
        : await admin.alterConfigs(
            names.map((name) => ({ type: 'topic', name, changes })),
            { validateOnly },
          )),
    ]
    const items = names.map((name) => ({
      name,
      error: results.find((r) => r.name === name && r.error !== null)?.error ?? null,
    }))
    return report(context, options.ifExists ? tolerateAbsent(items) : items, (r) => {
      if ('absent' in r) return `${r.name} was not there`
      return validateOnly ? `${r.name} could be changed` : `changed ${r.name}`
    })
  },
}
