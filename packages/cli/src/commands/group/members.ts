import type { GroupInfo, GroupMember } from '@ottla/client'
import type { Command } from 'commander'
import type { CommandContext, CommandModule } from '../../command.ts'
import { formatTopicPartitions } from '../../partition-list.ts'
import { addGroupAlias, errorData, failuresOf, headline, isIdle, someGroups } from './shared.ts'

export const command: CommandModule = {
  completes: 'groups',

  configure(command: Command): void {
    command.argument('[group...]', 'groups whose members to show')
    addGroupAlias(command)
    command.addHelpText(
      'after',
      `
A member is idle when the group has more members than partitions: it has nothing
to read, and takes over as soon as another one leaves.

Examples:
  ottla group members orders-app
  ottla group members orders-app -o json`,
    )
  },

  async run(context: CommandContext): Promise<number> {
    const { output } = context
    const names = someGroups(context)
    const { admin } = await context.kafka()
    const described = await admin.describeGroups(names)
    const groups = described.flatMap(({ group }) => (group === null ? [] : [group]))
    if (output.format !== 'table') {
      await output.data(
        described.map(({ name, group, error }) => ({
          groupId: name,
          state: group?.state ?? null,
          members: group?.members.map((member) => memberData(group, member)) ?? [],
          error: errorData(error),
        })),
      )
    } else {
      for (const [i, group] of groups.entries()) {
        if (i > 0) await output.line('')
        await output.line(headline(group))
        if (group.members.length > 0) await print(context, group)
      }
    }
    return failuresOf(
      described.flatMap(({ error }) => (error === null ? [] : [error])),
      names.length,
    )
  },
}

async function print({ output }: CommandContext, group: GroupInfo): Promise<void> {
  const isStatic = group.members.some((m) => m.instanceId !== null)
  const hasRacks = group.members.some((m) => m.rack !== null)
  await output.rows(group.members, [
    { title: 'client', value: (m) => m.clientId },
    { title: 'host', value: (m) => m.host },
    ...(hasRacks ? [{ title: 'rack', value: (m: GroupMember) => m.rack }] : []),
    ...(isStatic ? [{ title: 'instance', value: (m: GroupMember) => m.instanceId }] : []),
    { title: 'member', value: (m) => m.memberId },
    { title: 'count', value: (m) => m.assignment?.length, align: 'right' },
    {
      title: 'partitions',
      value: (m) => (isIdle(group, m) ? 'idle' : formatTopicPartitions(m.assignment ?? [])),
    },
  ])
}

/** A member with its mark, for machines. */
export function memberData(group: GroupInfo, member: GroupMember) {
  return { ...member, idle: isIdle(group, member) }
}
