import fs from 'node:fs'
import { setTimeout as wait } from 'node:timers/promises'
import type { Producer, ProducerOptions, RecordMetadata } from '@ottla/client'
import type { Command } from 'commander'
import { ACKS, addChoice, addSuggested, CODECS } from '../choices.ts'
import { type CommandContext, type CommandModule, interruption, UsageError } from '../command.ts'
import { explain } from '../errors.ts'
import { exitCodes } from '../exit-codes.ts'
import { addHidden, append } from '../globals.ts'
import { formatCount, formatRecords, Progress } from '../output/progress.ts'
import { type InputRecord, recordFromJson } from '../records/jsonl.ts'
import { linesOf } from '../records/lines.ts'
import { parseTime } from '../records/time.ts'
import { wholeNumber } from './topic/shared.ts'

const inputs = ['text', 'jsonl', 'raw'] as const

/** After Ctrl-C, for the records that are on their way. */
const FINISH_MS = 5000

export const command: CommandModule = {
  finishes: true,
  completes: 'topics',

  configure(command: Command): void {
    command
      .argument('[topic]', 'where to write; may be left out with jsonl whose lines name it')
      .argument('[file...]', 'what to write; - or nothing for standard input')
    const described = 'text (a record a line), jsonl (as consume -o jsonl prints), raw (a record a file)'
    addChoice(command, '-i, --input <format>', described, inputs)
    command
      .option('-k, --key <key>', 'key of all records')
      .option('-K, --key-delimiter <text>', 'a text line is key, this, value')
      .option('-H, --headers <name=value>', 'header of all records; may be repeated', append)
      .option('-p, --partition <n>', 'partition of all records', wholeNumber('--partition', 0))
      .option('--keep-partition', 'write jsonl records to the partition they name')
      .option('-Z, --null', 'an empty text value is null, a tombstone')
      .option('--timestamp <time>', 'timestamp of all records')
      .option('--rate <n>', 'at most so many records a second')
    const levels = '0 never asked, 1 the leader has it, all (or -1) in-sync replicas have it'
    addSuggested(command, '-a, --acks <n>', levels, ACKS)
    addChoice(command, '-z, --compression <codec>', CODECS.join(', '), CODECS)
    addHidden(command, '--topic <name>')
    addHidden(command, '--compression-codec <codec>')
    addHidden(command, '--request-required-acks <n>')
    command.addHelpText(
      'after',
      `
With -o json or jsonl the place of each record is printed.

Examples:
  echo hello | ottla produce greetings
  ottla produce orders -K : < orders.txt
  ottla consume orders -o jsonl | ottla produce copy -i jsonl`,
    )
  },

  run,
}

async function run(context: CommandContext): Promise<number | undefined> {
  const { options } = context
  const { topic, files, input } = sources(context)
  const { producerOptionsFrom } = await import('@ottla/client')
  const fromFlags = {
    ...(acksOf(options.acks ?? options.requestRequiredAcks) as ProducerOptions | undefined),
    ...producerOptionsFrom(
      new Map(
        (options.compression ?? options.compressionCodec)
          ? [['compression.type', options.compression ?? options.compressionCodec]]
          : [],
      ),
    ),
  }
  const kafka = await context.kafka()
  const producer = kafka.producer({ ...producerOptionsFrom(context.globals.properties), ...fromFlags })
  const typed = files.includes('-') && process.stdin.isTTY
  const run = new Run(context, producer, typed)
  if (typed && process.stderr.isTTY) {
    process.stderr.write(`type ${input === 'raw' ? 'one record' : 'a record a line'}; Ctrl-D ends\n`)
  }
  const abort = new Promise<void>((resolve) => {
    if (context.signal.aborted) resolve()
    context.signal.addEventListener('abort', () => resolve(), { once: true })
  })
  await Promise.race([run.read(topic, files, input).then(() => producer.flush()), abort])
  // A terminal that nobody writes on any more would keep the process.
  if (context.signal.aborted) process.stdin.destroy()
  if (context.signal.reason === interruption) run.tellWhatWaits()
  if (context.signal.aborted) await producer.close({ timeoutMs: FINISH_MS })
  return run.finish()
}

type Input = (typeof inputs)[number]

function sources(context: CommandContext): { topic: string | null; files: readonly string[]; input: Input } {
  const { options, args } = context
  const [topic, ...files] = options.topic === undefined ? args : [options.topic as string, ...args]
  const guessed: Input = files.length > 0 && files.every((f) => /\.(jsonl|ndjson)$/.test(f)) ? 'jsonl' : 'text'
  const input = (options.input as Input | undefined) ?? guessed
  const folder = files.find((file) => fs.statSync(file, { throwIfNoEntry: false })?.isDirectory())
  if (folder !== undefined) throw new UsageError(`${folder} is a folder, not a file`)
  if (topic === undefined && input !== 'jsonl') throw new UsageError('name the topic to write to')
  return { topic: topic ?? null, files: files.length === 0 ? ['-'] : files, input }
}

function acksOf(text: string | undefined): { acks: 0 | 1 | 'all' } | undefined {
  if (text === undefined) return undefined
  if (text === 'all' || text === '-1') return { acks: 'all' }
  if (text === '0' || text === '1') return { acks: Number(text) as 0 | 1 }
  throw new UsageError(`--acks is 0, 1, all or -1, not ${JSON.stringify(text)}`)
}

/** What is common to all records of this command line. */
interface Common {
  readonly key: Buffer | null
  readonly headers: { key: string; value: Buffer | null }[]
  readonly partition: number | undefined
  readonly timestamp: number | undefined
}

class Run {
  private readonly context: CommandContext
  private readonly producer: Producer
  private readonly common: Common
  private readonly delimiter: Buffer | null
  private readonly progress: Progress
  private readonly perSecond: number
  private readonly startMs: number = performance.now()
  private sent = 0
  private written = 0
  private failed = 0
  private firstError: Error | null = null
  /** Places of records, printed in the order in which they are known. */
  private places: RecordMetadata[] = []

  /** `typed`: a person writes the records, on the terminal where progress would be shown. */
  constructor(context: CommandContext, producer: Producer, typed: boolean) {
    const { options } = context
    this.context = context
    this.producer = producer
    if (options.keyDelimiter === '') throw new UsageError('--key-delimiter is a text that is not empty')
    this.delimiter = options.keyDelimiter === undefined ? null : Buffer.from(unescaped(options.keyDelimiter))
    const timestamp =
      options.timestamp === undefined ? undefined : parseTime(options.timestamp, Date.now(), context.globals.local)
    if (timestamp === null) throw new UsageError(`--timestamp ${JSON.stringify(options.timestamp)} is no time`)
    this.common = {
      key: options.key === undefined ? null : Buffer.from(options.key),
      headers: ((options.headers as string[] | undefined) ?? []).map(parseHeader),
      partition: options.partition,
      timestamp,
    }
    this.perSecond = options.rate === undefined ? Number.POSITIVE_INFINITY : Number(options.rate)
    if (!(this.perSecond > 0)) throw new UsageError('--rate is a number above 0')
    this.progress = new Progress('written', null, typed)
  }

  async read(topic: string | null, files: readonly string[], input: Input): Promise<void> {
    for (const file of files) {
      const stream = (file === '-' ? process.stdin : fs.createReadStream(file)) as AsyncIterable<Buffer>
      if (input === 'raw') {
        const chunks: Buffer[] = []
        for await (const chunk of stream) chunks.push(chunk)
        await this.send(topic as string, { key: null, value: Buffer.concat(chunks), headers: [] })
        continue
      }
      let number = 0
      for await (const lines of linesOf(stream)) {
        for (const line of lines) {
          number += 1
          if (this.context.signal.aborted) return
          if (input === 'text') {
            await this.send(topic as string, this.fromText(line, file, number))
            continue
          }
          if (line.length === 0) continue
          const where = placeOf(file, number)
          const record = recordFromJson(line.toString(), where)
          const target = topic ?? record.topic
          if (target === undefined)
            throw new UsageError(`${where}: the record names no topic, nor does the command line`)
          if (!this.context.options.keepPartition) record.partition = undefined
          await this.send(target, record)
        }
        await this.print()
      }
    }
  }

  private fromText(line: Buffer, file: string, number: number): InputRecord {
    let key: Buffer | null = null
    let value = line
    if (this.delimiter !== null) {
      const at = line.indexOf(this.delimiter)
      if (at < 0) {
        const delimiter = JSON.stringify(this.delimiter.toString())
        throw new UsageError(`${placeOf(file, number)}: no ${delimiter} in it to end the key (-K)`)
      }
      key = line.subarray(0, at)
      value = line.subarray(at + this.delimiter.length)
    }
    return { key, value: this.context.options.null && value.length === 0 ? null : value, headers: [] }
  }

  private async send(topic: string, record: InputRecord): Promise<void> {
    const { common } = this
    if (this.perSecond !== Number.POSITIVE_INFINITY) await this.pace()
    const room = this.producer.produce(
      topic,
      {
        key: record.key ?? common.key,
        value: record.value,
        headers: common.headers.length === 0 ? record.headers : [...record.headers, ...common.headers],
        partition: common.partition ?? record.partition,
        timestamp: common.timestamp ?? record.timestamp,
      },
      (error, place) => this.onDelivery(error, place),
    )
    this.sent += 1
    if (!room) await this.producer.ready()
    // The first refusal ends the reading: a wrong topic would be refused for every line.
    if (this.firstError !== null && this.written === 0) throw this.firstError
  }

  private async pace(): Promise<void> {
    const dueMs = this.startMs + (this.sent / this.perSecond) * 1000
    const aheadMs = dueMs - performance.now()
    if (aheadMs > 1) await wait(aheadMs, undefined, { signal: this.context.signal }).catch(() => {})
  }

  private onDelivery(error: Error | null, place: RecordMetadata | null): void {
    if (error !== null) {
      this.failed += 1
      this.firstError ??= error
    } else {
      this.written += 1
      this.progress.update(this.written)
      if (this.context.globals.format !== null && place !== null) this.places.push(place)
    }
  }

  private async print(): Promise<void> {
    if (this.places.length === 0 || this.context.output.format === 'table') return
    if (this.context.output.format === 'json') return
    await this.context.output.data(this.places.splice(0))
  }

  /** Whoever pressed Ctrl-C learns why that was not the end yet. */
  tellWhatWaits(): void {
    this.progress.end()
    const waiting = this.sent - this.written - this.failed
    if (waiting === 0) return
    process.stderr.write(`${formatRecords(waiting)} on the way; Ctrl-C again gives up\n`)
  }

  async finish(): Promise<number | undefined> {
    this.progress.end()
    const { output, globals } = this.context
    if (globals.format === 'table') {
      await output.rows(this.places, [
        { title: 'topic', value: (p) => p.topic },
        { title: 'partition', value: (p) => p.partition, align: 'right' },
        { title: 'offset', value: (p) => (p.offset < 0 ? null : p.offset), align: 'right' },
        { title: 'time', value: (p) => output.time(p.timestamp) },
      ])
    } else if (globals.format !== null && (this.places.length > 0 || globals.format === 'json')) {
      await output.data(this.places)
    }
    if (this.firstError !== null) {
      const { message, exitCode } = explain(this.firstError)
      process.stderr.write(`ottla: ${formatCount(this.failed)} of ${formatRecords(this.sent)} failed: ${message}\n`)
      return this.written === 0 ? exitCode : exitCodes.partial
    }
    if (process.stderr.isTTY) process.stderr.write(`${formatRecords(this.written)} written\n`)
    return undefined
  }
}

function placeOf(file: string, line: number): string {
  return `${file === '-' ? 'standard input' : file}, line ${line}`
}

function parseHeader(text: string): { key: string; value: Buffer | null } {
  const at = text.indexOf('=')
  const colon = text.indexOf(':')
  // rpk writes name:value.
  const cut = at < 0 ? colon : at
  if (cut < 1) throw new UsageError(`a header is name=value, not ${JSON.stringify(text)}`)
  return { key: text.slice(0, cut), value: Buffer.from(text.slice(cut + 1)) }
}

function unescaped(text: string): string {
  return text.replaceAll('\\t', '\t').replaceAll('\\n', '\n')
}
