import type { BrokerFailure, GroupInfo, GroupMember, KafkaError } from '@ottla/client'
import type { Command } from 'commander'
import { type CommandContext, UsageError } from '../../command.ts'
import { explain } from '../../errors.ts'
import { exitCodes } from '../../exit-codes.ts'
import { addHidden, append } from '../../globals.ts'
import { formatNumber } from '../../output/progress.ts'

/** `--group`, as Apache Kafka's tools spell what is an argument here. */
export function addGroupAlias(command: Command): void {
  addHidden(command, '--group <name>', append)
}

/** The groups of the command line, wherever they stand. */
export function groupsOf(context: CommandContext): string[] {
  return [...new Set([...context.args, ...((context.options.group as string[] | undefined) ?? [])])]
}

export function someGroups(context: CommandContext): string[] {
  const groups = groupsOf(context)
  if (groups.length === 0) throw new UsageError('name at least one group; `ottla group list` shows them')
  return groups
}

/** A member beyond the partitions: it takes over when another one leaves. */
export function isIdle(group: GroupInfo, member: GroupMember): boolean {
  const waits = member.targetAssignment !== null && member.targetAssignment.length > 0
  return group.state === 'Stable' && member.assignment?.length === 0 && !waits
}

/** `app: Stable, 2 members, classic with range, coordinator 1`. */
export function headline(group: GroupInfo): string {
  const { members } = group
  const idle = members.filter((member) => isIdle(group, member)).length
  const count = `${formatNumber(members.length, 'member')}${idle === 0 ? '' : ` (${idle} idle)`}`
  const assignor = group.assignor === '' ? '' : ` with ${group.assignor}`
  return `Group ${group.groupId}: ${group.state}, ${count}, ${group.type}${assignor}, coordinator ${group.coordinatorId}`
}

/** What a machine reads of an error. */
export function errorData(error: KafkaError | null): { code: string; message: string } | null {
  return error === null ? null : { code: error.code, message: error.message }
}

/** Says on standard error what went wrong, and returns the exit code for so many things asked for. */
export function failuresOf(errors: readonly KafkaError[], asked: number): number {
  for (const error of errors) process.stderr.write(`ottla: ${explain(error).message}\n`)
  if (errors.length === 0) return exitCodes.ok
  return errors.length >= asked ? explain(errors[0]).exitCode : exitCodes.partial
}

/** Says which brokers' part of a list is missing. */
export function brokersMissing(failures: readonly BrokerFailure[]): number {
  for (const { brokerId, error } of failures) {
    process.stderr.write(`ottla: broker ${brokerId} is missing: ${explain(error).message}\n`)
  }
  return failures.length === 0 ? exitCodes.ok : exitCodes.partial
}

/** Comma separated names without regard to case, as the broker writes them. */
export function namesIn<T extends string>(what: string, values: readonly T[], texts: readonly string[]): T[] {
  return texts
    .flatMap((text) => text.split(','))
    .map((text) => {
      const found = values.find((value) => value.toLowerCase() === text.trim().toLowerCase())
      if (found === undefined)
        throw new UsageError(`${what} is one of ${values.join(', ')}, not ${JSON.stringify(text)}`)
      return found
    })
}
