import type { GroupLag, PartitionLag } from '@ottla/client'
import type { Command } from 'commander'
import type { CommandContext, CommandModule } from '../../command.ts'
import { addHidden, addRefused } from '../../globals.ts'
import { formatCount } from '../../output/progress.ts'
import type { Column } from '../../output/table.ts'
import { memberData } from './members.ts'
import { addGroupAlias, errorData, failuresOf, headline, someGroups } from './shared.ts'

export const command: CommandModule = {
  completes: 'groups',

  configure(command: Command): void {
    command
      .argument('[group...]', 'groups to describe')
      .option('--read-committed', 'count up to the last stable offset, as readers of transactions do')
    addGroupAlias(command)
    addHidden(command, '--all-groups')
    addHidden(command, '--offsets')
    addHidden(command, '--verbose')
    addRefused(command, '--members', '--members: `ottla group members` shows them')
    addRefused(command, '--state', '--state: it stands in the first line of each group')
    command.addHelpText(
      'after',
      `
COMMITTED is the offset the group reads next, END where the partition ends,
LAG the records between them: - when nothing is committed yet.

Examples:
  ottla group describe orders-app
  ottla group describe orders-app billing -o json`,
    )
  },

  async run(context: CommandContext): Promise<number> {
    const { options, output } = context
    const named = options.allGroups ? null : someGroups(context)
    const { admin } = await context.kafka()
    const names = named ?? (await admin.listGroups({ types: ['classic', 'consumer'] })).groups.map((g) => g.groupId)
    const groups = await admin.groupLag(names, { readCommitted: options.readCommitted === true })
    if (output.format !== 'table') {
      await output.data(groups.map(dataOf))
    } else {
      let isFirst = true
      for (const described of groups) {
        if (described.group === null) continue
        if (!isFirst) await output.line('')
        isFirst = false
        await print(context, described)
      }
    }
    const own = groups.flatMap((g) => (g.error === null ? [] : [g.error]))
    const code = failuresOf(own, groups.length)
    const ofPartitions = groups.flatMap((g) => g.partitions.flatMap((p) => (p.error === null ? [] : [p.error])))
    return code || failuresOf(ofPartitions, Number.POSITIVE_INFINITY)
  },
}

async function print({ output }: CommandContext, { group, partitions }: GroupLag): Promise<void> {
  if (group === null) return
  const known = partitions.filter((p) => p.lag !== null)
  const lag = known.length === 0 ? '' : `, lag ${formatCount(known.reduce((sum, p) => sum + (p.lag ?? 0), 0))}`
  await output.line(`${headline(group)}${lag}`)
  if (partitions.length === 0) {
    await output.line(group.members.length === 0 ? 'It has no offsets.' : 'Its members have no partitions yet.')
    return
  }
  await output.rows(partitions, [
    { title: 'topic', value: (p) => p.topic },
    { title: 'partition', value: (p) => p.partition, align: 'right' },
    { title: 'committed', value: (p) => p.committedOffset, align: 'right' },
    { title: 'end', value: (p) => p.endOffset, align: 'right' },
    { title: 'lag', value: (p) => p.lag, align: 'right' },
    ...(group.members.length === 0
      ? []
      : ([
          { title: 'client', value: (p) => p.member?.clientId },
          { title: 'host', value: (p) => p.member?.host },
          { title: 'member', value: (p) => p.member?.instanceId ?? p.member?.memberId },
        ] satisfies Column<PartitionLag>[])),
  ])
}

function dataOf({ name, group, partitions, error }: GroupLag): unknown {
  if (group === null) return { groupId: name, error: errorData(error) }
  const { members, ...rest } = group
  return {
    ...rest,
    members: members.map((member) => memberData(group, member)),
    partitions: partitions.map(partitionData),
    error: errorData(error),
  }
}

export function partitionData({ member, error, ...rest }: PartitionLag) {
  return { ...rest, memberId: member?.memberId ?? null, error: errorData(error) }
}
