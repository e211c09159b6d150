import fs from 'node:fs'
import path from 'node:path'
import type { Command } from 'commander'
import { type CommandContext, type CommandModule, UsageError } from '../../command.ts'
import { exitCodes } from '../../exit-codes.ts'
import { addHidden } from '../../globals.ts'
import {
  baseOffsetOf,
  checkpointRows,
  offsetIndexRows,
  producerSnapshotRows,
  propertyRows,
  type Row,
  timeIndexRows,
  transactionIndexRows,
} from '../../log-files/indexes.ts'
import { batchesOf, controlName, type DumpedBatch, TornSegment } from '../../log-files/segment.ts'
import type { ItemList } from '../../output/output.ts'
import { printable } from '../../output/printable.ts'
import type { Column } from '../../output/table.ts'
import { compileFormat, type RecordFormatter } from '../../records/format.ts'
import { recordToJson } from '../../records/jsonl.ts'

export const command: CommandModule = {
  shares: 'output',

  configure(command: Command): void {
    command
      .argument('[file...]', 'segment, index, snapshot or checkpoint files, or partition folders')
      .option('-r, --records', 'the records of segments, not only their batches')
      .option('-f, --format <format>', 'how to print a record (see `ottla consume --help`); implies --records')
      .option('--check', 'print only what is wrong')
    addHidden(command, '--files <files>')
    addHidden(command, '--print-data-log')
    command.addHelpText(
      'after',
      `
Reads the files directly, without a broker; they are Apache Kafka's formats.

Examples:
  ottla log dump ottla-data/orders-0/00000000000000000000.log
  ottla log dump ottla-data/orders-0 --records -o jsonl
  ottla log dump ottla-data/orders-0 --check`,
    )
  },

  run,
}

async function run(context: CommandContext): Promise<number> {
  const { options, args } = context
  const named = [...args, ...((options.files as string | undefined)?.split(',') ?? [])]
  if (named.length === 0) throw new UsageError('name the files to print')
  const files = named.flatMap((name) =>
    fs.statSync(name).isDirectory()
      ? fs
          .readdirSync(name)
          .sort()
          .filter((file) => (withRecords(options) ? file.endsWith('.log') : isKnown(file)))
          .map((file) => path.join(name, file))
      : [name],
  )
  const isTable = context.output.format === 'table'
  const dump = new Dump(context, files)
  for (const [i, file] of files.entries()) {
    if (files.length > 1 && isTable && !options.check && options.format === undefined) {
      await context.output.line(`${i === 0 ? '' : '\n'}${file}`)
    }
    await dump.file(file)
  }
  await dump.end()
  return dump.problems === 0 ? exitCodes.ok : exitCodes.failed
}

function withRecords(options: CommandContext['options']): boolean {
  return options.records === true || options.printDataLog === true || options.format !== undefined
}

function isKnown(file: string): boolean {
  return /\.(log|index|timeindex|txnindex|snapshot)$|-checkpoint$|^partition\.metadata$/.test(file)
}

type BatchRow = Omit<DumpedBatch, 'batch'>

/** Prints files one after the other, for a reader or as one list. */
class Dump {
  /** What was found to be wrong. */
  problems = 0
  private readonly context: CommandContext
  private readonly check: boolean
  private readonly withRecords: boolean
  private readonly format: RecordFormatter | null
  /** Null where a person reads, or a format says it all. */
  private readonly list: ItemList | null
  /** Rows tell their file when there are several. */
  private readonly severalFiles: boolean
  private recordNumber = 0

  constructor(context: CommandContext, files: readonly string[]) {
    const { options, output } = context
    this.context = context
    this.severalFiles = files.length > 1
    this.check = options.check === true
    this.format = options.format === undefined ? null : compileFormat(options.format)
    if (this.format?.asksForBounds) throw new UsageError('-f: %[, %| and %] are known to a broker, not to a file')
    this.withRecords = withRecords(options)
    this.list = output.format === 'table' || this.format !== null ? null : output.items()
  }

  async file(file: string): Promise<void> {
    const name = path.basename(file)
    if (name.endsWith('.log')) return this.segment(file)
    const bytes = fs.readFileSync(file)
    const baseOffset = baseOffsetOf(file)
    let rows: readonly Row[]
    let problem: string | null = null
    if (name.endsWith('.timeindex')) rows = timeIndexRows(bytes, baseOffset)
    else if (name.endsWith('.txnindex')) rows = transactionIndexRows(bytes)
    else if (name.endsWith('.index')) rows = offsetIndexRows(bytes, baseOffset)
    else if (name.endsWith('.snapshot')) ({ rows, problem } = producerSnapshotRows(bytes))
    else if (name === 'leader-epoch-checkpoint') rows = checkpointRows(bytes.toString(), 'leader-epoch')
    else if (name.endsWith('-checkpoint')) rows = checkpointRows(bytes.toString(), 'offset')
    else if (name.endsWith('.metadata') || name.endsWith('.properties')) rows = propertyRows(bytes.toString())
    else
      throw new UsageError(`${file}: not a file of a log (.log, .index, .timeindex, .txnindex, .snapshot, checkpoints)`)
    if (problem !== null) await this.tell(file, null, problem)
    if (this.check || this.format !== null) return
    const { output } = this.context
    if (rows.length === 0 && this.list === null) return output.line('no entries')
    const columns = Object.keys(rows[0] ?? {})
    await this.rows(
      file,
      rows,
      columns.map((title) => ({
        title,
        value: (row) => (title === 'timestamp' ? output.time(Number(row[title])) : row[title]),
        align: typeof rows[0]?.[title] === 'number' && title !== 'timestamp' ? 'right' : 'left',
      })),
    )
  }

  async end(): Promise<void> {
    await this.list?.end()
    const { output } = this.context
    if (this.check && this.problems === 0 && output.format === 'table') await output.line('nothing is wrong')
  }

  private async segment(file: string): Promise<void> {
    const { output } = this.context
    const shown: BatchRow[] = []
    try {
      for (const dumped of batchesOf(file)) {
        if (dumped.problem !== null) {
          await this.tell(file, dumped.position, `the batch at position ${dumped.position}: ${dumped.problem}`)
        }
        if (this.check) continue
        // The row alone: the batch would keep its part of the file in memory.
        const { batch: _, ...row } = dumped
        if (!this.withRecords) shown.push(row)
        else if (dumped.problem === null) await this.records(file, dumped)
      }
    } catch (error) {
      if (!(error instanceof TornSegment)) throw error
      await this.tell(file, error.position, error.message)
    }
    if (this.check || this.withRecords) return
    await this.rows(file, shown, [
      { title: 'position', value: (b) => b.position, align: 'right' },
      { title: 'offsets', value: (b) => `${b.baseOffset}-${b.lastOffset}`, align: 'right' },
      { title: 'records', value: (b) => b.records, align: 'right' },
      { title: 'bytes', value: (b) => b.sizeBytes, align: 'right' },
      { title: 'codec', value: (b) => b.codec },
      { title: 'epoch', value: (b) => b.leaderEpoch, align: 'right' },
      { title: 'producer', value: (b) => (b.producerId < 0 ? null : `${b.producerId}/${b.producerEpoch}`) },
      { title: 'sequence', value: (b) => (b.baseSequence < 0 ? null : b.baseSequence), align: 'right' },
      { title: 'max time', value: (b) => output.time(b.maxTimestamp) },
      { title: 'kind', value: (b) => (b.isControl ? 'control' : b.isTransactional ? 'transactional' : null) },
    ])
  }

  private async rows<R extends object>(file: string, rows: readonly R[], columns: readonly Column<R>[]): Promise<void> {
    if (this.list === null) return this.context.output.rows(rows, columns)
    for (const row of rows) await this.list.add(this.severalFiles ? { file, ...row } : row)
  }

  private async records(file: string, dumped: DumpedBatch): Promise<void> {
    const { output } = this.context
    const folder = path.basename(path.dirname(path.resolve(file)))
    const match = /^(.+)-(\d+)$/.exec(folder)
    const place = { topic: match?.[1] ?? folder, partition: Number(match?.[2] ?? -1) }
    for (const record of dumped.batch.records()) {
      this.recordNumber += 1
      const shown = { ...place, ...record, batch: dumped.batch, bounds: null }
      const control = dumped.isControl ? controlName(record.key) : null
      if (this.format !== null) {
        await output.write(this.format(shown, this.recordNumber))
      } else if (this.list === null) {
        const what = control === null ? `${printable(record.key)}\t${printable(record.value)}` : `(${control} marker)`
        await output.line(`${record.offset}\t${output.time(record.timestamp)}\t${what}`)
      } else {
        await this.list.add({
          ...recordToJson(shown, this.context.globals.local),
          ...(control === null ? {} : { control }),
        })
      }
    }
  }

  /** A problem: a line for a person, and with `--check` an item of the list. */
  private async tell(file: string, position: number | null, problem: string): Promise<void> {
    this.problems += 1
    process.stderr.write(`ottla: ${file}: ${problem}\n`)
    if (this.check) await this.list?.add({ file, position, problem })
  }
}
