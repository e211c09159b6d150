import type { Admin } from '@ottla/client'
import type { Command } from 'commander'
import { addChoice, addSuggested } from '../choices.ts'
import { type CommandContext, CommandError, type CommandModule, orAborted, UsageError } from '../command.ts'
import { exitCodes } from '../exit-codes.ts'
import { addHidden, append } from '../globals.ts'
import { Progress } from '../output/progress.ts'
import { isPiped } from '../output/terminal.ts'
import { parsePartitions } from '../partition-list.ts'
import { FORMAT_HELP } from '../records/format.ts'
import { OFFSET_HELP, parseOffsetRange } from '../records/offset-spec.ts'
import { partitionBounds } from '../records/partition-bounds.ts'
import { RecordWriter } from '../records/record-writer.ts'
import { resolveRange } from '../records/resolve-range.ts'
import { COMMIT_WAYS, consumeInGroup, ISOLATIONS, PROTOCOLS } from './consume-group.ts'
import { topicsOf, wholeNumber } from './topic/shared.ts'

/** With `--follow` new partitions are noticed within this time, unless a property says otherwise. */
const FOLLOW_AGE_MS = 5000
const OF_GROUPS = {
  commit: '--commit',
  instanceId: '--instance-id',
  protocol: '--protocol',
  pattern: '--pattern',
} as const
const AGE_NAMES = ['metadata.max.age.ms', 'topic.metadata.refresh.interval.ms']

export const command: CommandModule = {
  finishes: true,
  completes: 'topics',

  configure(command: Command): void {
    command
      .argument('[topic...]', 'topics to read')
      .option('-p, --partition <n>', 'only this partition; may be repeated, or 0,2,5-7', append)
    addSuggested(command, '--offset <place>', 'where to read; see below', ['start', 'end'], 'start')
    command
      .option('-n, --max <n>', 'end after so many records', wholeNumber('--max', 1))
      .option('-f, --format <format>', 'how to print a record; see below')
      .option('--follow', 'go on with what comes, instead of ending at the present end')
      .option('-g, --group <name>', 'as a member of this group; see below')
    const described = 'with --group: auto, after, before or none; see below'
    addChoice(command, '--commit <when>', described, COMMIT_WAYS)
    command.option('--instance-id <id>', 'with --group: the name of a static member')
    addChoice(command, '--protocol <name>', 'with --group: classic, or consumer for that of KIP-848', PROTOCOLS)
    command.option('--pattern <regex>', 'with --group: all topics whose whole name it matches')
    const levels = 'read_committed leaves out what transactions have not committed'
    addChoice(command, '--isolation <level>', levels, ISOLATIONS)
    addHidden(command, '--topic <name>', append)
    addHidden(command, '--include <regex>')
    addHidden(command, '--from-beginning')
    addHidden(command, '--max-messages <n>', wholeNumber('--max-messages', 1) as never)
    command.addHelpText(
      'after',
      `
${OFFSET_HELP}

${FORMAT_HELP}

In a group (--group) the topics' partitions are shared among its members, and
each goes on where the group has committed. It ends with Ctrl-C, or after -n
records. Where nothing is committed yet, --offset says start or end. Commits:
  auto               of what is printed, every 5 s and at the end (the default)
  after              of each batch when it is printed: at least once
  before             of each batch before it is printed: at most once
  none               never

Examples:
  ottla consume orders
  ottla consume orders --offset -10 -f '%p %o %k %v\\n'
  ottla consume orders --offset @-1h:end -o jsonl
  ottla consume orders --offset end --follow
  ottla consume orders clicks --group printer --commit after
  ottla consume --pattern 'orders\\..*' --group printer --protocol consumer`,
    )
  },

  run,
}

async function run(context: CommandContext): Promise<number | undefined> {
  const { options, signal } = context
  const topics = [...new Set(topicsOf(context))]
  const pattern: string | undefined = options.pattern ?? options.include
  if (pattern !== undefined && topics.length > 0) throw new UsageError('give either topics or --pattern')
  if (pattern === undefined && topics.length === 0) throw new UsageError('name the topic to read')
  // As Apache Kafka's own tool has it.
  const group = options.group ?? context.globals.properties.get('group.id')
  if (group !== undefined) {
    return consumeInGroup(context, group, pattern === undefined ? { topics } : { pattern })
  }
  for (const [name, spelled] of Object.entries(OF_GROUPS)) {
    if ({ ...options, pattern }[name] !== undefined) throw new UsageError(`${spelled} is of groups: give --group too`)
  }
  const range = parseOffsetRange(options.fromBeginning ? 'start' : options.offset, Date.now(), context.globals.local)
  const wanted = parsePartitions(options.partition)
  const follow = options.follow === true
  const max = (options.max ?? options.maxMessages ?? Number.POSITIVE_INFINITY) as number
  const writer = new RecordWriter(context, topics)
  const { consumerOptionsFrom, UnknownTopicError } = await import('@ottla/client')
  const age = AGE_NAMES.some((name) => context.globals.properties.has(name)) || !follow
  const kafka = await context.kafka(age ? {} : { metadataMaxAgeMs: FOLLOW_AGE_MS })
  const described = await orAborted(signal, kafka.admin.describeTopics(topics))
  const partitions = described.flatMap(({ name, topic, error }) => {
    if (topic === null) throw error
    const all = topic.partitions.map((p) => p.partition)
    const absent = wanted?.find((p) => !all.includes(p))
    if (absent !== undefined) throw new UnknownTopicError(name, absent)
    return (wanted ?? all).map((partition) => ({ topic: name, partition }))
  })
  const { led, leaderless } = byLeader(described, partitions)
  if (leaderless.length > 0) {
    const names = leaderless.map(({ topic, partition }) => `${topic}-${partition}`).join(', ')
    if (led.length === 0) throw new CommandError(`${names}: no leader now, so nothing can be read`, exitCodes.failed)
    process.stderr.write(`ottla: ${names}: no leader now, left out\n`)
  }
  if (writer.asksForBounds) writer.boundsOf = await orAborted(signal, partitionBounds(kafka.admin, led))
  const ranges = await orAborted(signal, resolveRange(kafka.admin, led, range, follow))
  // Partitions that are added later come by the topic's name.
  const added = follow && wanted === null && range.until === null ? topics.map((topic) => ({ topic })) : []
  const total = follow
    ? null
    : Math.min(
        max,
        ranges.reduce((sum, r) => sum + Math.max(0, r.until - r.from), 0),
      )
  const consumer = kafka.consumer({
    ...consumerOptionsFrom(context.globals.properties),
    ...(options.isolation === undefined ? {} : { isolation: options.isolation }),
    assign: [...ranges, ...added],
  })
  const onAbort = () => void consumer.close()
  signal.addEventListener('abort', onAbort, { once: true })
  // Records on the terminal are progress enough, and whoever reads a pipe may draw there as well, as `less` does.
  const progress = new Progress('read', total, process.stdout.isTTY || isPiped())
  await writer.begin()
  let count = 0
  try {
    for await (const batch of consumer.batches()) {
      count = await writer.batch(batch, count, max)
      progress.update(count)
      if (count >= max || signal.aborted) break
    }
  } finally {
    signal.removeEventListener('abort', onAbort)
    progress.end()
  }
  await writer.end(count)
  return leaderless.length > 0 ? exitCodes.partial : undefined
}

interface TopicPartition {
  readonly topic: string
  readonly partition: number
}

/** A partition without a leader would be waited for, and keep the others from being read. */
function byLeader(
  described: Awaited<ReturnType<Admin['describeTopics']>>,
  wanted: readonly TopicPartition[],
): { readonly led: TopicPartition[]; readonly leaderless: TopicPartition[] } {
  const isLed = ({ topic, partition }: TopicPartition): boolean => {
    const info = described.find(({ name }) => name === topic)?.topic
    return (info?.partitions.find((one) => one.partition === partition)?.leaderId ?? -1) >= 0
  }
  return { led: wanted.filter(isLed), leaderless: wanted.filter((one) => !isLed(one)) }
}
