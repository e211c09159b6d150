import fs from 'node:fs'
import type { Admin, GroupInfo } from '@ottla/client'
import type { Command } from 'commander'
import { addSuggested } from '../../choices.ts'
import { type CommandContext, CommandError, type CommandModule, UsageError } from '../../command.ts'
import { explain } from '../../errors.ts'
import { exitCodes } from '../../exit-codes.ts'
import { addHidden, addRefused, append } from '../../globals.ts'
import { formatCount, formatNumber } from '../../output/progress.ts'
import { parsePartitions } from '../../partition-list.ts'
import { parseOffsetRange } from '../../records/offset-spec.ts'
import { wholeNumber } from '../topic/shared.ts'
import { formatOffsetsFile, readOffsetsFile } from './offsets-file.ts'
import { keyOf, type Move, planMoves, type Target, type TopicPartition } from './seek-plan.ts'
import { errorData } from './shared.ts'

export const command: CommandModule = {
  completes: 'groups',

  configure(command: Command): void {
    command
      .argument('[group]', 'the group to move; one that is not there is made')
      .argument('[topic...]', 'all partitions of these topics; otherwise what the group has offsets of')
    addSuggested(command, '--to <place>', 'where to go on; see below', ['start', 'end'])
    command
      .option('--by <n>', 'so many records on, or back with -n')
      .option('--to-group <group>', 'where another group is')
      .option('--from-file <file>', 'what a file says, - for standard input: lines of topic,partition,offset')
      .option('-p, --partition <n>', 'only this partition; may be repeated, or 0,2,5-7', append)
      .option('--export <file>', 'write the offsets, moved or as they are, to such a file; - for standard output')
      .option('--execute', 'do it; without this everything is only shown')
    addHidden(command, '--group <name>')
    addHidden(command, '--topic <name>', append)
    addHidden(command, '--all-topics')
    addHidden(command, '--dry-run')
    addHidden(command, '--to-earliest')
    addHidden(command, '--to-latest')
    addHidden(command, '--to-offset <n>', wholeNumber('--to-offset', 0) as never)
    addHidden(command, '--to-datetime <time>')
    addHidden(command, '--shift-by <n>')
    addRefused(command, '--by-duration <duration>', '--by-duration: --to @-1h goes back by an hour')
    addRefused(command, '--to-current', '--to-current: a group that is not moved stays where it is')
    addRefused(command, '--all-groups', '--all-groups: one group at a time is moved here')
    command.addHelpText(
      'after',
      `
Places for --to:
  start, end         the first record, or only what comes from now on
  1234               offset 1234 in each partition
  +10, -10           10 records behind the start, or before the end
  @time              the first record at or after a time:
                     ms or s since the epoch, 2026-01-31,
                     2026-01-31T12:30:00Z, -15m (before now)
What lies outside a partition moves to its nearer end.

The group may have no members while it is moved: stop them first. Without
--execute nothing is changed, so look first, then run the same line with it.

Examples:
  ottla group seek orders-app --to start
  ottla group seek orders-app --to start --execute
  ottla group seek orders-app orders -p 3 --to 1200 --execute
  ottla group seek orders-app --to @-2h --execute
  ottla group seek orders-app --by -100 --execute
  ottla group seek new-app --to-group orders-app --execute
  ottla group seek orders-app --export before.csv
  ottla group seek orders-app --from-file before.csv --execute`,
    )
  },

  run,
}

async function run(context: CommandContext): Promise<number> {
  const { options } = context
  const [group, ...args] = options.group === undefined ? context.args : [options.group as string, ...context.args]
  if (group === undefined) throw new UsageError('name the group to move')
  if (options.execute && options.dryRun) throw new UsageError('give either --execute or --dry-run')
  const { topics, partitions: listed } = topicsOf(args, options.topic)
  const wanted = parsePartitions(options.partition ?? listed)
  const chosen = chosenTarget(context)
  const file = chosen?.kind === 'file' ? readOffsetsFile(chosen.name, group) : null
  if (options.execute && chosen === null) throw new UsageError('--execute: nothing says where to; give --to')
  const { admin } = await context.kafka()
  const [{ group: info, error }] = await admin.describeGroups([group])
  if (error !== null && error.code !== 'GROUP_ID_NOT_FOUND') throw error
  if (options.execute && info !== null) refuseMembers(info)
  const committed = await offsetsOf(admin, group)
  const other = chosen?.kind === 'group' ? await offsetsOf(admin, chosen.name) : null
  if (other?.size === 0) throw new CommandError(`group ${options.toGroup} has no offsets`, exitCodes.notFound)
  const source = file?.offsets ?? (other === null ? null : offsetsIn(other))
  const target: Target =
    source !== null
      ? {
          kind: 'offsets',
          of: file === null ? `group ${options.toGroup}` : (options.fromFile as string),
          offsets: source,
        }
      : chosen === null || chosen.kind === 'file' || chosen.kind === 'group'
        ? { kind: 'current' }
        : chosen
  const known = file?.partitions ?? [...(other ?? committed).values()]
  const partitions = await partitionsOf(admin, topics, wanted, known)
  if (partitions.length === 0) throw nothingToMove(group, topics, wanted, info)
  const moves = await planMoves(admin, partitions, offsetsIn(committed), target)
  if (options.export !== undefined) await exportMoves(context, moves)
  if (options.execute) return execute(context, admin, group, moves)
  if (options.export === '-') return codeOf(moves)
  if (options.export === undefined || chosen !== null) await show(context, moves, false)
  if (chosen === null && options.export === undefined) {
    process.stderr.write('ottla: these are the offsets now; --to, --by, --to-group or --from-file move them\n')
  } else if (chosen !== null) tellDryRun(group, info)
  return codeOf(moves)
}

/** Apache Kafka's tool writes the partitions behind a topic, `--topic orders:0,1`: with one topic that is `-p`. */
function topicsOf(args: readonly string[], aliased: readonly string[] = []) {
  const withPartitions = aliased.filter((text) => text.includes(':'))
  if (withPartitions.length > 0 && args.length + aliased.length > 1) {
    throw new UsageError('--topic NAME:0,1 takes one topic at a time')
  }
  const topics = [...args, ...aliased.map((text) => text.split(':')[0])]
  return { topics, partitions: withPartitions[0]?.split(':').slice(1) }
}

type Chosen =
  | Extract<Target, { kind: 'place' | 'by' }>
  | { readonly kind: 'group'; readonly name: string }
  | { readonly kind: 'file'; readonly name: string }

/** The one way of saying where to that was given, in ours or Kafka's spelling; null for none. */
function chosenTarget({ options, globals }: CommandContext): Chosen | null {
  const place = (text: string): Chosen => {
    const { from, until } = parseOffsetRange(text, Date.now(), globals.local, '--to')
    if (until !== null) throw new UsageError(`--to is one place, not the range ${JSON.stringify(text)}`)
    return { kind: 'place', position: from }
  }
  const by = (text: string): Chosen => {
    const records = Number(text)
    if (!/^[+-]?\d+$/.test(text) || !Number.isSafeInteger(records)) {
      throw new UsageError(`--by is a number of records like 100 or -100, not ${JSON.stringify(text)}`)
    }
    return { kind: 'by', records }
  }
  const given: Chosen[] = []
  if (options.to !== undefined) given.push(place(options.to))
  if (options.toEarliest) given.push(place('start'))
  if (options.toLatest) given.push(place('end'))
  if (options.toOffset !== undefined) given.push(place(`${options.toOffset}`))
  if (options.toDatetime !== undefined) given.push(place(`@${options.toDatetime}`))
  if (options.by !== undefined) given.push(by(options.by))
  if (options.shiftBy !== undefined) given.push(by(options.shiftBy))
  if (options.toGroup !== undefined) given.push({ kind: 'group', name: options.toGroup })
  if (options.fromFile !== undefined) given.push({ kind: 'file', name: options.fromFile })
  if (given.length > 1) throw new UsageError('give one of --to, --by, --to-group and --from-file')
  return given[0] ?? null
}

type Offsets = ReadonlyMap<string, TopicPartition & { readonly offset: number }>

async function offsetsOf(admin: Admin, group: string): Promise<Offsets> {
  const [{ offsets, error }] = await admin.listGroupOffsets([group])
  if (error !== null) throw error
  return new Map(offsets.filter((o) => o.error === null).map((o) => [keyOf(o), o]))
}

function offsetsIn(offsets: Offsets): Map<string, number> {
  return new Map([...offsets].map(([key, { offset }]) => [key, offset]))
}

/** All of the topics named, else what is known of the group, cut down to the numbers named. */
async function partitionsOf(
  admin: Admin,
  topics: readonly string[],
  wanted: readonly number[] | null,
  known: readonly TopicPartition[],
): Promise<TopicPartition[]> {
  const all: TopicPartition[] = []
  if (topics.length === 0) all.push(...known)
  for (const { name, topic, error } of await admin.describeTopics([...new Set(topics)])) {
    if (topic === null) throw error
    const absent = wanted?.find((p) => p >= topic.partitions.length)
    if (absent !== undefined) throw new CommandError(`topic ${name} has no partition ${absent}`, exitCodes.notFound)
    all.push(...topic.partitions.map(({ partition }) => ({ topic: name, partition })))
  }
  return all
    .filter(({ partition }) => wanted === null || wanted.includes(partition))
    .sort((a, b) => (a.topic === b.topic ? a.partition - b.partition : a.topic < b.topic ? -1 : 1))
}

function nothingToMove(
  group: string,
  topics: readonly string[],
  wanted: readonly number[] | null,
  info: GroupInfo | null,
): CommandError {
  if (topics.length > 0 || wanted !== null) {
    return new CommandError(`group ${group} has no offsets of these partitions`, exitCodes.notFound)
  }
  const what = info === null ? `group ${group} does not exist` : `group ${group} has no offsets yet`
  return new CommandError(`${what}: name the topics that it shall have offsets of`, exitCodes.notFound)
}

function refuseMembers(group: GroupInfo): void {
  if (group.members.length === 0) return
  const isStatic = group.members.some((m) => m.instanceId !== null)
  const stay = isStatic
    ? '; static ones that are stopped stay for a while, `ottla group members --remove` ends that'
    : ''
  throw new CommandError(`${membersOf(group)}: stop them first, then move it${stay}`, exitCodes.failed)
}

function membersOf({ groupId, members }: GroupInfo): string {
  const [{ clientId, host }] = members
  const others = members.length > 1 ? ' and others' : ''
  return `group ${groupId} has ${formatNumber(members.length, 'member')} (${clientId} at ${host}${others})`
}

function tellDryRun(group: string, info: GroupInfo | null): void {
  process.stderr.write('ottla: nothing was changed; the same with --execute does it\n')
  if (info === null) process.stderr.write(`ottla: there is no group ${group} yet: --execute makes it\n`)
  else if (info.members.length > 0) {
    process.stderr.write(`ottla: ${membersOf(info)}: --execute is refused until they are stopped\n`)
  }
}

async function exportMoves({ options, output }: CommandContext, moves: readonly Move[]): Promise<void> {
  const text = formatOffsetsFile(moves.flatMap((m) => (m.to === null ? [] : [{ ...m, offset: m.to }])))
  if (options.export === '-') await output.write(text)
  else fs.writeFileSync(options.export, text)
}

async function execute(context: CommandContext, admin: Admin, group: string, moves: readonly Move[]): Promise<number> {
  const results = await admin.alterGroupOffsets(
    group,
    moves.flatMap((m) => (m.to === null ? [] : [{ topic: m.topic, partition: m.partition, offset: m.to }])),
  )
  const errors = new Map(results.map((r) => [keyOf(r), r.error]))
  const done = moves.map((move) => ({ ...move, error: move.error ?? errors.get(keyOf(move)) ?? null }))
  await show(context, done, true)
  return codeOf(done)
}

async function show({ output }: CommandContext, moves: readonly Move[], executed: boolean): Promise<void> {
  const moved = ({ from, to }: Move) => (from === null || to === null ? null : to - from)
  const status = (move: Move) => {
    if (move.error !== null) return `failed: ${move.error.code}`
    if (move.to === null) return `left: ${move.note}`
    const done = move.from === move.to ? 'unchanged' : executed ? 'moved' : 'would move'
    return move.note === null ? done : `${done} (${move.note})`
  }
  await output.rows(
    moves,
    [
      { title: 'topic', value: (m) => m.topic },
      { title: 'partition', value: (m) => m.partition, align: 'right' },
      { title: 'from', value: (m) => m.from, align: 'right' },
      { title: 'to', value: (m) => m.to, align: 'right' },
      { title: 'by', value: (m) => signed(moved(m)), align: 'right' },
      { title: 'status', value: status },
    ],
    (m) => ({ ...m, by: moved(m), executed: executed && m.error === null && m.to !== null, error: errorData(m.error) }),
  )
}

function signed(count: number | null): string | null {
  if (count === null) return null
  return count > 0 ? `+${formatCount(count)}` : count < 0 ? `-${formatCount(-count)}` : '0'
}

function codeOf(moves: readonly Move[]): number {
  const failed = moves.flatMap((m) => (m.error === null ? [] : [{ at: keyOf(m), error: m.error }]))
  for (const { at, error } of failed) {
    const { message } = explain(error)
    process.stderr.write(`ottla: ${message.includes(at) ? '' : `${at}: `}${message}\n`)
  }
  if (failed.length > 0) return failed.length === moves.length ? explain(failed[0].error).exitCode : exitCodes.partial
  return moves.every((m) => m.to === null) ? exitCodes.failed : exitCodes.ok
}
