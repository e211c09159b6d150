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
import { printable } from '../../output/printable.ts'
import { compileFormat } from '../../records/format.ts'
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
  const withRecords = options.records || options.printDataLog || options.format !== undefined
  if (options.format !== undefined && compileFormat(options.format).asksForBounds) {
    throw new UsageError('-f: %[, %| and %] are known to a broker, not to a file')
  }
  const files = named.flatMap((name) =>
    fs.statSync(name).isDirectory()
      ? fs
          .readdirSync(name)
          .sort()
          .filter((file) => (withRecords ? file.endsWith('.log') : isKnown(file)))
          .map((file) => path.join(name, file))
      : [name],
  )
  let problems = 0
  for (const [i, file] of files.entries()) {
    if (files.length > 1 && context.output.format === 'table' && !options.check && options.format === undefined) {
      await context.output.line(`${i === 0 ? '' : '\n'}${file}`)
    }
    problems += await dump(context, file)
  }
  if (options.check && problems === 0) await context.output.line('nothing is wrong')
  return problems === 0 ? exitCodes.ok : exitCodes.failed
}

function isKnown(file: string): boolean {
  return /\.(log|index|timeindex|txnindex|snapshot)$|-checkpoint$|^partition\.metadata$/.test(file)
}

/** Returns the number of problems found. */
async function dump(context: CommandContext, file: string): Promise<number> {
  const name = path.basename(file)
  if (name.endsWith('.log')) return dumpSegment(context, file)
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
  if (!context.options.check && context.options.format === undefined) {
    const columns = Object.keys(rows[0] ?? {})
    if (rows.length === 0 && context.output.format === 'table') await context.output.line('no entries')
    else
      await context.output.rows(
        rows,
        columns.map((title) => ({
          title,
          value: (row) => (title === 'timestamp' ? context.output.time(Number(row[title])) : row[title]),
          align: typeof rows[0]?.[title] === 'number' && title !== 'timestamp' ? 'right' : 'left',
        })),
      )
  }
  if (problem === null) return 0
  process.stderr.write(`ottla: ${file}: ${problem}\n`)
  return 1
}

async function dumpSegment(context: CommandContext, file: string): Promise<number> {
  const { options, output } = context
  const withRecords = options.records || options.printDataLog || options.format !== undefined
  let problems = 0
  const shown: DumpedBatch[] = []
  try {
    for (const dumped of batchesOf(file)) {
      if (dumped.problem !== null) {
        problems += 1
        process.stderr.write(`ottla: ${file}: the batch at position ${dumped.position}: ${dumped.problem}\n`)
      }
      if (options.check) continue
      if (withRecords && dumped.problem === null) await printRecords(context, file, dumped)
      else if (!withRecords) shown.push(dumped)
    }
  } catch (error) {
    if (!(error instanceof TornSegment)) throw error
    problems += 1
    process.stderr.write(`ottla: ${file}: ${error.message}\n`)
  }
  if (!options.check && !withRecords) {
    await output.rows(
      shown,
      [
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
      ],
      ({ batch: _, ...row }) => row,
    )
  }
  return problems
}

async function printRecords(context: CommandContext, file: string, dumped: DumpedBatch): Promise<void> {
  const { options, output } = context
  const folder = path.basename(path.dirname(path.resolve(file)))
  const match = /^(.+)-(\d+)$/.exec(folder)
  const place = { topic: match?.[1] ?? folder, partition: Number(match?.[2] ?? -1) }
  const format = options.format === undefined ? null : compileFormat(options.format)
  let number = 0
  for (const record of dumped.batch.records()) {
    number += 1
    const shown = { ...place, ...record, batch: dumped.batch, bounds: null }
    const control = dumped.isControl ? controlName(record.key) : null
    if (format !== null) {
      await output.write(format(shown, number))
    } else if (output.format === 'table') {
      const what = control === null ? `${printable(record.key)}\t${printable(record.value)}` : `(${control} marker)`
      await output.line(`${record.offset}\t${output.time(record.timestamp)}\t${what}`)
    } else {
      const data = { ...recordToJson(shown), ...(control === null ? {} : { control }) }
      await output.data(output.format === 'yaml' ? [data] : data)
    }
  }
}
