import type { ConsumerBatch } from '@ottla/client'
import { type CommandContext, UsageError } from '../command.ts'
import { printable } from '../output/printable.ts'
import { toYaml } from '../output/yaml.ts'
import { batchFactsOf } from './batch-facts.ts'
import { compileFormat } from './format.ts'
import { recordToJson } from './jsonl.ts'
import type { PartitionBounds, ShownRecord } from './record.ts'

/** What is printed without `-f` and `-o`. */
const FORMAT_DEFAULT = '%v\\n'

const TITLES = ['TIME', 'TOPIC', 'PARTITION', 'OFFSET', 'KEY', 'VALUE']
/** How wide the columns of a table are on a terminal, those of `TITLES`. */
const COLUMNS = [24, 0, 9, 10, 12]

/** Prints records, one write for each batch. */
export class RecordWriter {
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
