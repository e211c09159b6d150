import type { GroupInfo, GroupMember } from '@ottla/client'
import type { Command } from 'commander'
import { type CommandContext, CommandError, type CommandModule, UsageError } from '../../command.ts'
import { exitCodes } from '../../exit-codes.ts'
import { append } from '../../globals.ts'
import { formatTopicPartitions } from '../../partition-list.ts'
import { report } from '../topic/shared.ts'
import { addGroupAlias, errorData, failuresOf, headline, isIdle, someGroups } from './shared.ts'

export const command: CommandModule = {
  completes: 'groups',

  configure(command: Command): void {
    command
      .argument('[group...]', 'groups whose members to show')
      .option('--remove <id>', 'put out this member or instance; may be repeated', append)
      .option('--reason <text>', "with --remove: for the broker's log")
    addGroupAlias(command)
    command.addHelpText(
      'after',
      `
A member is idle when the group has more members than partitions: it has nothing
to read, and takes over as soon as another one leaves.

A static member (INSTANCE) that was stopped stays until its session times out;
--remove puts it out at once. A member that still runs comes back.

Examples:
  ottla group members orders-app
  ottla group members orders-app -o json
  ottla group members orders-app --remove worker-3`,
    )
  },

  async run(context: CommandContext): Promise<number> {
    const { output, options } = context
    const names = someGroups(context)
    if (options.remove !== undefined) return remove(context, names, [...new Set(options.remove as string[])])
    if (options.reason !== undefined) throw new UsageError('--reason says why a member is put out: give --remove too')
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

async function remove(context: CommandContext, names: readonly string[], ids: readonly string[]): Promise<number> {
  if (names.length > 1) throw new UsageError('--remove takes one group at a time')
  const [name] = names
  const { admin } = await context.kafka()
  const [{ group, error }] = await admin.describeGroups([name])
  if (group === null) throw error
  const members = ids.map((id) => {
    const member = group.members.find((m) => m.instanceId === id || m.memberId === id)
    if (member === undefined) {
      throw new CommandError(`group ${name} has no member or instance ${id}: nobody was put out`, exitCodes.notFound)
    }
    return member.instanceId === null ? { memberId: member.memberId } : { instanceId: member.instanceId }
  })
  const reason = context.options.reason as string | undefined
  const removed = await admin.removeMembers(name, members, reason === undefined ? {} : { reason })
  return report(
    context,
    removed.map((r) => ({ name: r.instanceId ?? (r.memberId as string), ...r })),
    (r) => `${r.name} is out of ${name}`,
  )
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
