import { setTimeout as wait } from 'node:timers/promises'
import type { Admin, GroupLag, KafkaError } from '@ottla/client'
import type { Command } from 'commander'
import { type CommandContext, type CommandModule, orAborted, UsageError } from '../../command.ts'
import { isExpected } from '../../errors.ts'
import { exitCodes } from '../../exit-codes.ts'
import { formatCount } from '../../output/progress.ts'
import { Screen } from '../../output/screen.ts'
import { type Column, toTable } from '../../output/table.ts'
import { parseDuration } from '../../records/time.ts'
import { partitionData } from './describe.ts'
import { addGroupAlias, errorData, failuresOf, groupsOf } from './shared.ts'

const WATCH_DEFAULT_MS = 2000
const WATCH_MIN_MS = 100

export const command: CommandModule = {
  finishes: true,
  completes: 'groups',

  configure(command: Command): void {
    command
      .argument('[group...]', 'groups to look at; all if none is named')
      .option('--partitions', 'a line for each partition instead of each topic')
      .option('--read-committed', 'count up to the last stable offset, as readers of transactions do')
      .option('--watch [interval]', 'again and again, every 2s or as often as this says, until Ctrl-C')
    addGroupAlias(command)
    command.addHelpText(
      'after',
      `
LAG counts the records between what a group has committed and the end; topics
without a committed offset have none (-). While watching, READ/S is what the
group has gone on by and WRITTEN/S what its topics have grown by since the last
look; CATCHES UP says when the group gets to the end if both stay as they are.

With --watch -o jsonl there is one line for each look.

Examples:
  ottla group lag
  ottla group lag orders-app --partitions
  ottla group lag orders-app --watch
  ottla group lag orders-app --watch 10s -o jsonl >> lag.jsonl`,
    )
  },

  run,
}

async function run(context: CommandContext): Promise<number | undefined> {
  const { options, output, signal } = context
  const intervalMs = intervalOf(options.watch)
  if (intervalMs !== null && (output.format === 'json' || output.format === 'yaml')) {
    throw new UsageError(`--watch has no end to close the ${output.format} with: use -o jsonl`)
  }
  const { admin } = await context.kafka()
  if (intervalMs === null) {
    const looked = await orAborted(signal, look(admin, context))
    if (output.format === 'table')
      await output.write(toTable(columnsOf(context, false), linesOf(looked, null, context)))
    else await output.data(looked.groups.map(groupData))
    return failuresOf(looked.errors, Math.max(1, looked.groups.length))
  }
  await watch(context, admin, intervalMs)
  return exitCodes.interrupted
}

async function watch(context: CommandContext, admin: Admin, intervalMs: number): Promise<void> {
  const { output, signal } = context
  const screen = new Screen(output)
  let before: Looked | null = null
  while (!signal.aborted) {
    let looked: Looked
    try {
      looked = await orAborted(signal, look(admin, context))
    } catch (error) {
      // A broker that is away for a while comes back; one that never answered was named wrongly.
      if (before === null || !isExpected(error) || signal.aborted) throw error
      looked = { atMs: Date.now(), groups: [], errors: [error as KafkaError] }
    }
    if (before === null && looked.groups.every((g) => g.group === null) && looked.errors.length > 0) {
      throw looked.errors[0]
    }
    if (output.format === 'jsonl') {
      const errors = looked.errors.map(errorData)
      await output.data({ time: output.time(looked.atMs), groups: looked.groups.map(groupData), errors })
    } else {
      const errors = looked.errors.map((error) => `! ${error.message}\n`).join('')
      const table = toTable(columnsOf(context, true), linesOf(looked, before, context))
      await screen.show(`${output.time(looked.atMs)}\n${table}${errors}`)
    }
    before = looked
    await wait(intervalMs, undefined, { signal }).catch(() => {})
  }
}

function intervalOf(watch: string | true | undefined): number | null {
  if (watch === undefined) return null
  if (watch === true) return WATCH_DEFAULT_MS
  const ms = /^\d+$/.test(watch) ? Number(watch) * 1000 : parseDuration(watch)
  if (ms === null || ms < WATCH_MIN_MS) {
    throw new UsageError(`--watch takes a time of at least 100ms like 5s or 1m, not ${JSON.stringify(watch)}`)
  }
  return ms
}

interface Looked {
  readonly atMs: number
  readonly groups: readonly GroupLag[]
  readonly errors: readonly KafkaError[]
}

async function look(admin: Admin, context: CommandContext): Promise<Looked> {
  const named = groupsOf(context)
  const listed = named.length > 0 ? null : await admin.listGroups({ types: ['classic', 'consumer'] })
  const ids = named.length > 0 ? named : (listed?.groups ?? []).map((g) => g.groupId)
  const groups = await admin.groupLag(ids, { readCommitted: context.options.readCommitted === true })
  // One that was deleted between the list and the look was not asked for by name.
  const shown = listed === null ? groups : groups.filter((g) => g.error?.code !== 'GROUP_ID_NOT_FOUND')
  const errors = [
    ...(listed?.failures ?? []).map((f) => f.error),
    ...shown.flatMap((g) => [g.error, ...g.partitions.map((p) => p.error)]),
  ]
  return { atMs: Date.now(), groups: shown, errors: errors.filter((error) => error !== null) }
}

interface Line {
  readonly group: string
  readonly state: string
  readonly topic: string | null
  readonly partition: number | null
  readonly partitions: number
  readonly committed: number | null
  readonly end: number | null
  readonly lag: number | null
  readonly readPerSecond: number | null
  readonly writtenPerSecond: number | null
}

/** A line for each topic or partition of each group, with what has changed since the look before. */
function linesOf(looked: Looked, before: Looked | null, { options }: CommandContext): Line[] {
  const earlier = new Map(before === null ? [] : sums(before, options.partitions).map((line) => [keyOf(line), line]))
  const seconds = before === null ? Number.NaN : (looked.atMs - before.atMs) / 1000
  const rate = (now: number | null, then: number | null | undefined) =>
    now === null || then === null || then === undefined ? null : (now - then) / seconds
  return sums(looked, options.partitions).map((line) => {
    const then = earlier.get(keyOf(line))
    return {
      ...line,
      readPerSecond: rate(line.committed, then?.committed),
      writtenPerSecond: rate(line.end, then?.end),
    }
  })
}

function keyOf({ group, topic, partition }: Line): string {
  return JSON.stringify([group, topic, partition])
}

function sums(looked: Looked, perPartition: boolean | undefined): Line[] {
  return looked.groups.flatMap(({ name, group, partitions }): Line[] => {
    if (group === null) return []
    const rates = { readPerSecond: null, writtenPerSecond: null }
    const common = { group: name, state: group.state, ...rates }
    if (partitions.length === 0) {
      return [{ ...common, topic: null, partition: null, partitions: 0, committed: null, end: null, lag: null }]
    }
    const parts = Map.groupBy(partitions, (p) => (perPartition ? `${p.topic}-${p.partition}` : p.topic))
    return [...parts.values()].map((some) => {
      // A partition without a committed offset would make the two sums of different things.
      const counted = some.filter((p) => p.lag !== null)
      const sum = (of: 'committedOffset' | 'endOffset' | 'lag') =>
        counted.length === 0 ? null : counted.reduce((total, p) => total + (p[of] as number), 0)
      return {
        ...common,
        topic: some[0].topic,
        partition: perPartition ? some[0].partition : null,
        partitions: some.length,
        committed: sum('committedOffset'),
        end: sum('endOffset'),
        lag: sum('lag'),
      }
    })
  })
}

function columnsOf({ options }: CommandContext, watching: boolean): Column<Line>[] {
  const number = (value: number | null) => (value === null ? null : formatCount(value))
  const rate = (value: number | null) => (value === null ? null : formatCount(Math.round(value)))
  return [
    { title: 'group', value: (l) => l.group },
    { title: 'state', value: (l) => l.state },
    { title: 'topic', value: (l) => l.topic },
    ...(options.partitions
      ? ([
          { title: 'partition', value: (l) => l.partition, align: 'right' },
          { title: 'committed', value: (l) => l.committed, align: 'right' },
          { title: 'end', value: (l) => l.end, align: 'right' },
        ] satisfies Column<Line>[])
      : ([{ title: 'partitions', value: (l) => l.partitions, align: 'right' }] satisfies Column<Line>[])),
    { title: 'lag', value: (l) => number(l.lag), align: 'right' },
    ...(watching
      ? ([
          { title: 'read/s', value: (l) => rate(l.readPerSecond), align: 'right' },
          { title: 'written/s', value: (l) => rate(l.writtenPerSecond), align: 'right' },
          { title: 'catches up', value: catchesUp, align: 'right' },
        ] satisfies Column<Line>[])
      : []),
  ]
}

/** When the lag is gone if both rates stay as they are. */
function catchesUp({ lag, readPerSecond, writtenPerSecond }: Line): string | null {
  if (lag === null || readPerSecond === null || writtenPerSecond === null) return null
  if (lag === 0) return 'now'
  const gained = readPerSecond - writtenPerSecond
  return gained <= 0 ? 'never' : `in ${formatSpan(lag / gained)}`
}

/** Seconds as a person says them: `45s`, `12m`, `3h`, `2d`. */
export function formatSpan(seconds: number): string {
  if (seconds < 120) return `${Math.ceil(seconds)}s`
  if (seconds < 7200) return `${Math.round(seconds / 60)}m`
  if (seconds < 172_800) return `${Math.round(seconds / 3600)}h`
  return `${Math.round(seconds / 86_400)}d`
}

function groupData({ name, group, partitions, error }: GroupLag): unknown {
  const counted = partitions.filter((p) => p.lag !== null)
  return {
    groupId: name,
    state: group?.state ?? null,
    lag: counted.length === 0 ? null : counted.reduce((sum, p) => sum + (p.lag ?? 0), 0),
    partitions: partitions.map(partitionData),
    error: errorData(error),
  }
}
