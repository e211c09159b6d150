import type { RecordDecoder } from '../consumer/decoder.ts'
import type { FetchedPartition } from '../consumer/fetcher.ts'
import type { ReadQueue } from '../consumer/read-queue.ts'
import type { ConsumerBatch, ConsumerRecord } from '../consumer/record.ts'
import type { Progress } from './commits.ts'
import type { HandlerCalls, HandlerWork, RunOptions } from './handler-run.ts'

export interface WorkDeps<K, V> {
  readonly queue: ReadQueue
  readonly decoder: RecordDecoder<K, V>
  readonly calls: HandlerCalls
  progressOf(partition: FetchedPartition): Progress
  /** There may be room again. */
  onRoom(): void
}

/** A batch of each of so many partitions at a time; the records of a batch one after the other, or all in one call. */
export class PartitionWork<K, V> implements HandlerWork {
  readonly #options: RunOptions<K, V>
  readonly #deps: WorkDeps<K, V>
  readonly #concurrency: number
  #batches = 0

  constructor(options: RunOptions<K, V>, deps: WorkDeps<K, V>) {
    this.#options = options
    this.#deps = deps
    this.#concurrency = options.concurrency ?? 1
  }

  get hasRoom(): boolean {
    return this.#batches < this.#concurrency
  }

  begin(partition: FetchedPartition, batch: ConsumerBatch): void {
    const { queue, onRoom } = this.#deps
    this.#batches += 1
    queue.hold(partition, true)
    void this.#handle(partition, batch).then(() => {
      this.#batches -= 1
      queue.hold(partition, false)
      onRoom()
    })
  }

  async #handle(partition: FetchedPartition, batch: ConsumerBatch): Promise<void> {
    const progress = this.#deps.progressOf(partition)
    progress.delivered ??= batch.baseOffset
    const isWhole =
      this.#options.eachRecord === undefined
        ? await this.#handleTogether(partition, batch)
        : await this.#handleEach(partition, batch, progress)
    if (isWhole && !partition.removed) finished(progress, batch.lastOffset + 1)
  }

  async #handleEach(partition: FetchedPartition, batch: ConsumerBatch, progress: Progress): Promise<boolean> {
    const { calls, decoder, queue } = this.#deps
    const eachRecord = this.#options.eachRecord!
    for (const raw of batch) {
      if (partition.paused || !calls.admits(partition)) {
        if (!partition.removed) queue.giveBack(partition, batch, raw.offset)
        return false
      }
      const isDone = await calls.make(partition, async () => {
        const record = await decodeOrSettle(decoder, partition, raw)
        if (record !== null) await eachRecord(record, calls.context)
        if (!partition.removed) finished(progress, raw.offset + 1)
      })
      if (!isDone) return false
    }
    return true
  }

  async #handleTogether(partition: FetchedPartition, batch: ConsumerBatch): Promise<boolean> {
    const { calls, decoder, queue, progressOf } = this.#deps
    if (partition.paused || !calls.admits(partition)) {
      if (!partition.removed) queue.giveBack(partition, batch, batch.baseOffset)
      return false
    }
    return calls.make(partition, async () => {
      const records: ConsumerRecord<K, V>[] = []
      for (const raw of batch) {
        const record = await decodeOrSettle(decoder, partition, raw)
        if (record !== null) records.push(record)
      }
      if (records.length > 0) await this.#options.eachBatch!(records, calls.context)
      if (!partition.removed) finished(progressOf(partition), batch.lastOffset + 1)
    })
  }
}

/** Null: it could not be decoded, and that is dealt with. */
export async function decodeOrSettle<K, V>(
  decoder: RecordDecoder<K, V>,
  { topic, partition }: FetchedPartition,
  raw: Parameters<RecordDecoder<K, V>['settle']>[1],
): Promise<ConsumerRecord<K, V> | null> {
  try {
    return decoder.decode(topic, partition, raw)
  } catch (error) {
    await decoder.settle(error, raw)
    return null
  }
}

/** Handlers come later to what they have finished than a loop does: what is delivered is what is processed. */
export function finished(progress: Progress, next: number): void {
  progress.delivered = next
  progress.processed = next
}
