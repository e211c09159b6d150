import type { Command } from 'commander'
import { type CommandContext, type CommandModule, UsageError } from '../../command.ts'
import { addHidden, append } from '../../globals.ts'
import { parsePartitions } from '../../partition-list.ts'
import { report } from '../topic/shared.ts'
import { addGroupAlias, someGroups } from './shared.ts'

export const command: CommandModule = {
  completes: 'groups',

  configure(command: Command): void {
    command
      .argument('[group...]', 'groups to delete, with their offsets')
      .option('--if-exists', 'a group that is not there is no failure')
      .option('--offsets-of <topic>', 'keep the group, delete its offsets of this topic; may be repeated', append)
      .option('-p, --partition <n>', 'with --offsets-of: only of this partition; may be repeated, or 0,2,5-7', append)
    addGroupAlias(command)
    addHidden(command, '--topic <name>', append)
    command.addHelpText(
      'after',
      `
A group with members is not deleted, and it keeps the offsets of topics that its
members subscribe to.

Examples:
  ottla group delete old-app older-app
  ottla group delete app --offsets-of old-topic`,
    )
  },

  async run(context: CommandContext): Promise<number> {
    const { options } = context
    const groups = someGroups(context)
    // Apache Kafka's tool deletes offsets with `--delete-offsets --group … --topic …`.
    const topics = (options.offsetsOf ?? options.topic) as string[] | undefined
    if (topics !== undefined) return deleteOffsets(context, groups, topics)
    if (options.partition !== undefined) throw new UsageError('-p says which offsets, --offsets-of of which topic')
    const { admin } = await context.kafka()
    const results = await admin.deleteGroups(groups)
    const absent = (r: (typeof results)[number]) => options.ifExists && r.error?.code === 'GROUP_ID_NOT_FOUND'
    const items = results.map((r) => (absent(r) ? { ...r, error: null, absent: true } : r))
    return report(context, items, (r) => ('absent' in r ? `${r.name} was not there` : `deleted ${r.name}`))
  },
}

async function deleteOffsets(
  context: CommandContext,
  groups: readonly string[],
  topics: readonly string[],
): Promise<number> {
  if (groups.length > 1) throw new UsageError('--offsets-of takes one group at a time')
  const [groupId] = groups
  const wanted = parsePartitions(context.options.partition)
  const { admin } = await context.kafka()
  const [{ offsets, error }] = await admin.listGroupOffsets([groupId])
  if (error !== null) throw error
  const partitions = offsets.filter(
    (o) => topics.includes(o.topic) && (wanted === null || wanted.includes(o.partition)),
  )
  const none = topics.filter((topic) => !partitions.some((p) => p.topic === topic))
  for (const topic of none) process.stderr.write(`ottla: ${groupId} has no such offsets of ${topic}\n`)
  const results = await admin.deleteGroupOffsets(groupId, partitions)
  return report(
    context,
    results.map((r) => ({ name: `${r.topic}-${r.partition}`, ...r })),
    (r) => `deleted the offset of ${r.name}`,
  )
}
