import fs from 'node:fs'
import { setTimeout as wait } from 'node:timers/promises'
import type { RecordMetadata } from '@ottla/client'
import type { Command } from 'commander'
import { ACKS, addChoice, addSuggested, CODECS } from '../choices.ts'
import { type CommandContext, type CommandModule, interruption, UsageError } from '../command.ts'
import { explain } from '../errors.ts'
import { exitCodes } from '../exit-codes.ts'
import { addHidden, append } from '../globals.ts'
import { formatCount, formatNumber, formatRecords, Progress } from '../output/progress.ts'
import { type InputRecord, recordFromJson } from '../records/jsonl.ts'
import { linesOf } from '../records/lines.ts'
import { type CommitEvery, plainSink, type RecordSink, TransactionSink } from '../records/sink.ts'
import { parseDuration, parseTime } from '../records/time.ts'
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
      .option('--transactional-id <id>', 'write in a transaction')
      .option('--commit-every <n>', 'in several: of so many records, or a time like 5s')
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

With --transactional-id all is written or nothing: whatever fails, and Ctrl-C,
abort the transaction that is open. --commit-every makes several of it. One may
be open for -X transaction.timeout.ms=60000 (ms); then the broker aborts it.

Examples:
  echo hello | ottla produce greetings
  ottla produce orders -K : < orders.txt
  ottla consume orders -o jsonl | ottla produce copy -i jsonl
  ottla produce orders --transactional-id import-1 --commit-every 1000 < all.txt`,
    )
  },

  run,
}

async function run(context: CommandContext): Promise<number | undefined> {
  const { signal } = context
  const { topic, files, input } = sources(context)
  const typed = files.includes('-') && process.stdin.isTTY
  const run = new Run(context, typed)
  const sink = await sinkOf(context, run)
  if (typed && process.stderr.isTTY) {
    process.stderr.write(`type ${input === 'raw' ? 'one record' : 'a record a line'}; Ctrl-D ends\n`)
  }
  const abort = new Promise<void>((resolve) => {
    if (signal.aborted) resolve()
    signal.addEventListener('abort', () => resolve(), { once: true })
  })
  try {
    await Promise.race([run.read(sink, topic, files, input), abort])
  } catch (error) {
    if (sink instanceof TransactionSink) {
      await sink.stop(FINISH_MS)
      run.tellAborted()
    }
    throw error
  }
  // A terminal that nobody writes on any more would keep the process.
  if (signal.aborted) process.stdin.destroy()
  if (signal.reason === interruption) run.tellWhatWaits()
  if (signal.aborted) await sink.stop(FINISH_MS)
  return run.finish()
}

async function sinkOf(context: CommandContext, run: Run): Promise<RecordSink> {
  const { options, globals } = context
  const { producerOptionsFrom, transactionalProducerOptionsFrom } = await import('@ottla/client')
  const codec = options.compression ?? options.compressionCodec
  const acks = acksOf(options.acks ?? options.requestRequiredAcks)
  const { compression } = producerOptionsFrom(new Map(codec ? [['compression.type', codec]] : []))
  const compressed = compression === undefined ? {} : { compression }
  const properties = new Map(globals.properties)
  if (options.transactionalId !== undefined) properties.set('transactional.id', options.transactionalId)
  const every = commitEveryOf(options.commitEvery)
  const kafka = await context.kafka()
  if (!properties.has('transactional.id')) {
    if (every !== null) throw new UsageError('--commit-every is of transactions: give --transactional-id as well')
    return plainSink(kafka.producer({ ...producerOptionsFrom(properties), ...acks, ...compressed }))
  }
  if (acks !== undefined && acks.acks !== 'all') throw new UsageError('--acks is all where records are in transactions')
  const producer = kafka.producer({ ...transactionalProducerOptionsFrom(properties), ...compressed })
  return new TransactionSink(producer, every, () => run.onCommitted())
}

function commitEveryOf(text: string | undefined): CommitEvery {
  if (text === undefined) return null
  if (/^\d+$/.test(text) && Number.isSafeInteger(Number(text)) && Number(text) > 0) return { records: Number(text) }
  const ms = parseDuration(text)
  if (ms === null || ms === 0) {
    throw new UsageError(`--commit-every is a number of records or a time like 5s, not ${JSON.stringify(text)}`)
  }
  return { ms }
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
  private readonly inTransactions: boolean
  private readonly common: Common
  private readonly delimiter: Buffer | null
  private readonly progress: Progress
  private readonly perSecond: number
  private readonly startMs: number = performance.now()
  private sent = 0
  /** Written by the broker, but not committed yet. */
  private uncommitted: RecordMetadata[] = []
  private uncommittedCount = 0
  private written = 0
  private transactions = 0
  private failed = 0
  private firstError: Error | null = null
  /** Places of records, printed in the order in which they are known. */
  private places: RecordMetadata[] = []

  /** `typed`: a person writes the records, on the terminal where progress would be shown. */
  constructor(context: CommandContext, typed: boolean) {
    const { options, globals } = context
    this.context = context
    this.inTransactions = options.transactionalId !== undefined || globals.properties.has('transactional.id')
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

  /** Resolves when everything is written, and committed. */
  async read(sink: RecordSink, topic: string | null, files: readonly string[], input: Input): Promise<void> {
    for (const file of files) {
      const stream = (file === '-' ? process.stdin : fs.createReadStream(file)) as AsyncIterable<Buffer>
      if (input === 'raw') {
        const chunks: Buffer[] = []
        for await (const chunk of stream) chunks.push(chunk)
        await this.send(sink, topic as string, { key: null, value: Buffer.concat(chunks), headers: [] })
        continue
      }
      let number = 0
      for await (const lines of linesOf(stream)) {
        for (const line of lines) {
          number += 1
          if (this.context.signal.aborted) return
          if (input === 'text') {
            await this.send(sink, topic as string, this.fromText(line, file, number))
            continue
          }
          if (line.length === 0) continue
          const where = placeOf(file, number)
          const record = recordFromJson(line.toString(), where)
          const target = topic ?? record.topic
          if (target === undefined)
            throw new UsageError(`${where}: the record names no topic, nor does the command line`)
          if (!this.context.options.keepPartition) record.partition = undefined
          await this.send(sink, target, record)
        }
        await this.print()
      }
    }
    await sink.finish()
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

  private async send(sink: RecordSink, topic: string, record: InputRecord): Promise<void> {
    const { common } = this
    if (this.perSecond !== Number.POSITIVE_INFINITY) await this.pace()
    const admission = sink.admits()
    if (admission !== null) {
      await admission
      if (this.context.signal.aborted) return
    }
    const room = sink.produce(
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
    if (!room) await sink.ready()
    // The first refusal ends the reading: a wrong topic would be refused for every line, and a transaction is lost.
    if (this.firstError !== null && (this.written === 0 || this.inTransactions)) throw this.firstError
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
      return
    }
    const isShown = this.context.globals.format !== null && place !== null
    if (this.inTransactions) {
      this.uncommittedCount += 1
      if (isShown) this.uncommitted.push(place)
      return
    }
    this.written += 1
    this.progress.update(this.written)
    if (isShown) this.places.push(place)
  }

  onCommitted(): void {
    this.transactions += 1
    this.written += this.uncommittedCount
    for (const place of this.uncommitted) this.places.push(place)
    this.uncommittedCount = 0
    this.uncommitted = []
    this.progress.update(this.written)
  }

  private async print(): Promise<void> {
    if (this.places.length === 0 || this.context.output.format === 'table') return
    if (this.context.output.format === 'json') return
    await this.context.output.data(this.places.splice(0))
  }

  /** After an error, which is told by itself. */
  tellAborted(): void {
    if (!this.inTransactions || this.sent === this.written) return
    this.progress.end()
    const aborted = formatRecords(this.sent - this.written)
    process.stderr.write(`ottla: ${formatRecords(this.written)} committed, the transaction of ${aborted} aborted\n`)
  }

  /** Whoever pressed Ctrl-C learns why that was not the end yet. */
  tellWhatWaits(): void {
    this.progress.end()
    if (this.inTransactions) return
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
    if (this.context.signal.aborted) this.tellAborted()
    if (!process.stderr.isTTY) return undefined
    const times = this.inTransactions ? ` in ${formatNumber(this.transactions, 'transaction')}` : ''
    process.stderr.write(`${formatRecords(this.written)} written${times}\n`)
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
