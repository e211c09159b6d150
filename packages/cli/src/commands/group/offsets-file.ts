import fs from 'node:fs'
import { UsageError } from '../../command.ts'
import { keyOf, type TopicPartition } from './seek-plan.ts'

/** A file of offsets, as `kafka-consumer-groups --export` writes it: lines of `topic,partition,offset`. */
export interface OffsetsFile {
  /** In the order of the file. */
  readonly partitions: readonly TopicPartition[]
  readonly offsets: ReadonlyMap<string, number>
}

/** `-` reads standard input. A line may begin with the group, as Apache Kafka's tool writes it for several groups. */
export function readOffsetsFile(file: string, group: string): OffsetsFile {
  const text = fs.readFileSync(file === '-' ? 0 : file, 'utf8')
  const name = file === '-' ? 'standard input' : file
  const partitions: TopicPartition[] = []
  const offsets = new Map<string, number>()
  for (const [i, line] of text.split(/\r?\n/).entries()) {
    const cells = line.trim().replaceAll('"', '').split(',')
    if (line.trim() === '' || line.startsWith('#')) continue
    const [topic, partition, offset] = cells.slice(-3)
    const isRight = /^\d+$/.test(partition ?? '') && /^\d+$/.test(offset ?? '') && topic !== ''
    if ((cells.length !== 3 && cells.length !== 4) || !isRight || !Number.isSafeInteger(Number(offset))) {
      throw new UsageError(`${name}, line ${i + 1}: a line is topic,partition,offset, not ${JSON.stringify(line)}`)
    }
    if (cells.length === 4 && cells[0] !== group) continue
    const at = { topic, partition: Number(partition) }
    if (offsets.has(keyOf(at))) throw new UsageError(`${name}, line ${i + 1}: ${keyOf(at)} is there a second time`)
    offsets.set(keyOf(at), Number(offset))
    partitions.push(at)
  }
  if (partitions.length === 0) throw new UsageError(`${name} has no offsets of group ${group}`)
  return { partitions, offsets }
}

export function formatOffsetsFile(offsets: readonly (TopicPartition & { readonly offset: number })[]): string {
  return offsets.map(({ topic, partition, offset }) => `${topic},${partition},${offset}\n`).join('')
}
