import type { Admin, ConsumerBatch } from '@ottla/client'
import type { Command } from 'commander'
import { addSuggested } from '../choices.ts'
import { type CommandContext, CommandError, type CommandModule, orAborted, UsageError } from '../command.ts'
import { exitCodes } from '../exit-codes.ts'
import { addHidden, append } from '../globals.ts'
import { printable } from '../output/printable.ts'
import { Progress } from '../output/progress.ts'
import { isPiped } from '../output/terminal.ts'
import { toYaml } from '../output/yaml.ts'
import { parsePartitions } from '../partition-list.ts'
import { batchFactsOf } from '../records/batch-facts.ts'
import { compileFormat, FORMAT_HELP } from '../records/format.ts'
import { recordToJson } from '../records/jsonl.ts'
import { OFFSET_HELP, parseOffsetRange } from '../records/offset-spec.ts'
import { partitionBounds } from '../records/partition-bounds.ts'
import type { PartitionBounds, ShownRecord } from '../records/record.ts'
import { resolveRange } from '../records/resolve-range.ts'
import { topicsOf, wholeNumber } from './topic/shared.ts'

/** What is printed without `-f` and `-o`. */
const FORMAT_DEFAULT = '%v\\n'

const TITLES = ['TIME', 'TOPIC', 'PARTITION', 'OFFSET', 'KEY', 'VALUE']
/** How wide the columns of a table are on a terminal, those of `TITLES`. */
const COLUMNS = [24, 0, 9, 10, 12]

/** With `--follow` new partitions are noticed within this time, unless a property says otherwise. */
const FOLLOW_AGE_MS = 5000
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
    addHidden(command, '--topic <name>', append)
    addHidden(command, '--from-beginning')
    addHidden(command, '--max-messages <n>', wholeNumber('--max-messages', 1) as never)
    command.addHelpText(
      'after',
      `
${OFFSET_HELP}

${FORMAT_HELP}

Examples:
  ottla consume orders
  ottla consume orders --offset -10 -f '%p %o %k %v\\n'
  ottla consume orders --offset @-1h:end -o jsonl
  ottla consume orders --offset end --follow`,
    )
  },

  run,
}

async function run(context: CommandContext): Promise<number | undefined> {
  const { options, signal } = context
  const topics = [...new Set(topicsOf(context))]
  if (topics.length === 0) throw new UsageError('name the topic to read')
  const range = parseOffsetRange(options.fromBeginning ? 'start' : options.offset, Date.now(), context.globals.local)
  const wanted = parsePartitions(options.partition)
  const follow = options.follow === true
  const max = (options.max ?? options.maxMessages ?? Number.POSITIVE_INFINITY) as number
  const writer = new Writer(context, topics)
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
  const consumer = kafka.consumer({ ...consumerOptionsFrom(context.globals.properties), assign: [...ranges, ...added] })
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

/** Prints records, one write for each batch. */
class Writer {
  private readonly context: CommandContext
  private readonly topicColumns: number
  private readonly print: (record: ShownRecord, number: number) => string | Buffer
  /** The format shows where partitions begin or end: `boundsOf` is to be set. */
  readonly asksForBounds: boolean
  boundsOf: (topic: string, partition: number) => PartitionBounds | null = () => null

  constructor(context: CommandContext, topics: readonly string[]) {
    const { options, globals, output } = context
    this.context = context
    this.topicColumns = Math.max(5, ...topics.map((topic) => topic.length))
    if (options.format !== undefined && globals.format !== null) throw new UsageError('give either -f or -o')
    let asksForBounds = false
    switch (globals.format) {
      case null: {
        const format = compileFormat(options.format ?? FORMAT_DEFAULT)
        this.print = format
        asksForBounds = format.asksForBounds
        break
      }
      case 'jsonl':
        this.print = (record) => `${JSON.stringify(recordToJson(record, globals.local))}\n`
        break
      case 'json':
        this.print = (record, number) =>
          `${number === 1 ? '\n' : ',\n'}${indent(JSON.stringify(recordToJson(record, globals.local), null, 2))}`
        break
      case 'yaml':
        this.print = (record) => toYaml([recordToJson(record, globals.local)])
        break
      case 'table':
        this.print = ({ timestamp, topic, partition, offset, key, value }) =>
          this.row([output.time(timestamp), topic, `${partition}`, `${offset}`, printable(key), printable(value)])
    }
    this.asksForBounds = asksForBounds
  }

  async begin(): Promise<void> {
    const { globals, output } = this.context
    if (globals.format === 'json') await output.write('[')
    if (globals.format === 'table') await output.write(this.row(TITLES))
  }

  /** Columns for a person, tabs for a program. Records come one after the other, so widths are guessed. */
  private row(cells: readonly string[]): string {
    if (!process.stdout.isTTY) return `${cells.join('\t')}\n`
    const last = cells.length - 1
    const padded = cells.map((cell, i) => (i === last ? cell : cell.padEnd(i === 1 ? this.topicColumns : COLUMNS[i])))
    return `${padded.join('  ')}\n`
  }

  /** Returns the number of records so far. */
  async batch(batch: ConsumerBatch, before: number, max: number): Promise<number> {
    const { topic, partition } = batch
    const facts = batchFactsOf(batch)
    const bounds = this.boundsOf(topic, partition)
    let count = before
    let text = ''
    let bytes: Buffer[] = []
    for (const { offset, timestamp, key, value, headers } of batch) {
      count += 1
      const record = { topic, partition, offset, timestamp, key, value, headers, batch: facts, bounds }
      const piece = this.print(record, count)
      if (typeof piece === 'string') text += piece
      else bytes.push(piece)
      if (bytes.length === 1024) {
        await this.context.output.write(Buffer.concat(bytes))
        bytes = []
      }
      if (count >= max) break
    }
    await this.context.output.write(text === '' ? Buffer.concat(bytes) : text)
    return count
  }

  async end(count: number): Promise<void> {
    const { globals, output } = this.context
    if (globals.format === 'json') await output.write(count === 0 ? ']\n' : '\n]\n')
    if (globals.format === 'yaml' && count === 0) await output.write('[]\n')
  }
}

function indent(text: string): string {
  return text.replace(/^/gm, '  ')
}
