import type { Command } from 'commander'
import { type CommandContext, type CommandModule, UsageError } from '../../command.ts'
import { exitCodes } from '../../exit-codes.ts'
import { addHidden, append } from '../../globals.ts'
import { parseReplicaAssignment } from './replica-assignment.ts'
import { addTopicAlias, parseConfigs, refusePartition, report, someTopics, wholeNumber } from './shared.ts'

export const command: CommandModule = {
  configure(command: Command): void {
    command
      .argument('[topic...]', 'topics to create')
      .option('--partitions <n>', "how many; default: the broker's", wholeNumber('--partitions', 1))
      .option('-r, --replicas <n>', "copies of each; default: the broker's", wholeNumber('--replicas', 1, 32767))
      .option('-c, --config <name=value>', 'setting of the topic; may be repeated', append)
      .option('--if-not-exists', 'a topic that is there already is no failure')
      .option('--dry-run', 'check everything and create nothing')
    addTopicAlias(command)
    addHidden(command, '--replication-factor <n>', wholeNumber('--replication-factor', 1, 32767))
    addHidden(command, '--replica-assignment <list>', parseReplicaAssignment)
    refusePartition(command)
    command.addHelpText(
      'after',
      '\nExamples:\n  ottla topic create orders --partitions 6\n  ottla topic create clicks -c cleanup.policy=compact -c retention.ms=3600000',
    )
  },

  async run(context: CommandContext): Promise<number> {
    const names = someTopics(context)
    const { options } = context
    const configs = parseConfigs(options.config)
    const assignments = options.replicaAssignment as number[][] | undefined
    const replicationFactor = options.replicas ?? options.replicationFactor
    if (assignments !== undefined && (options.partitions ?? replicationFactor) !== undefined) {
      throw new UsageError('--replica-assignment says how many partitions and replicas there are: give it alone')
    }
    const { admin } = await context.kafka()
    const results = await admin.createTopics(
      names.map((name) => ({
        name,
        partitions: options.partitions,
        replicationFactor,
        assignments,
        configs,
      })),
      { validateOnly: options.dryRun === true },
    )
    const tolerated = options.ifNotExists
      ? results.map((r) => (r.error?.code === 'TOPIC_ALREADY_EXISTS' ? { ...r, error: null, existed: true } : r))
      : results
    if (tolerated.length === 0) return exitCodes.ok
    return report(context, tolerated, (r) => {
      if ('existed' in r) return `${r.name} was there already`
      const size = r.partitions < 0 ? '' : ` with ${r.partitions} partition${r.partitions === 1 ? '' : 's'}`
      return options.dryRun ? `${r.name} could be created${size}` : `created ${r.name}${size}`
    })
  },
}
