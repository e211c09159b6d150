import type { ConsumedRecord } from '@ottla/protocol/records'
import type { FetchedPartition } from '../consumer/fetcher.ts'
import type { ConsumerBatch } from '../consumer/record.ts'
import { partitionOfKey } from '../producer/partitioner.ts'
import type { Progress } from './commits.ts'
import type { HandlerWork, RunOptions } from './handler-run.ts'
import { decodeOrSettle, finished, type WorkDeps } from './partition-work.ts'

/** Records that wait for each handler, besides those of one batch: a slow key does not stop the others at once. */
const WAITING_PER_LANE_MAX = 64

interface Item {
  readonly partition: FetchedPartition
  readonly raw: ConsumedRecord
  readonly unfinished: Unfinished
  readonly entry: Entry
}

/** What is handled one after the other. */
interface Lane {
  readonly waiting: Item[]
  isBusy: boolean
}

/** Records of one partition in parallel, those of equal keys in their order. */
export class KeyWork<K, V> implements HandlerWork {
  readonly #eachRecord: NonNullable<RunOptions<K, V>['eachRecord']>
  readonly #deps: WorkDeps<K, V>
  readonly #lanes: readonly Lane[]
  readonly #unfinished = new WeakMap<FetchedPartition, Unfinished>()
  #waiting = 0
  /** For records without a key. */
  #turn = 0

  constructor(options: RunOptions<K, V>, deps: WorkDeps<K, V>) {
    this.#eachRecord = options.eachRecord!
    this.#deps = deps
    this.#lanes = Array.from({ length: options.concurrency ?? 1 }, () => ({ waiting: [], isBusy: false }))
  }

  get hasRoom(): boolean {
    return this.#waiting < this.#lanes.length * WAITING_PER_LANE_MAX
  }

  begin(partition: FetchedPartition, batch: ConsumerBatch): void {
    let unfinished = this.#unfinished.get(partition)
    if (unfinished === undefined) {
      unfinished = new Unfinished(this.#deps.progressOf(partition), batch.baseOffset)
      this.#unfinished.set(partition, unfinished)
    }
    for (const raw of batch) {
      const lane = this.#laneOf(raw.key)
      lane.waiting.push({ partition, raw, unfinished, entry: unfinished.begin(raw.offset + 1) })
      this.#waiting += 1
      if (!lane.isBusy) void this.#work(lane)
    }
    // What compaction has taken from its end counts as read.
    unfinished.finish(unfinished.begin(batch.lastOffset + 1))
  }

  #laneOf(key: Buffer | null): Lane {
    const index = key === null ? this.#turn++ % this.#lanes.length : partitionOfKey(key, this.#lanes.length)
    return this.#lanes[index]!
  }

  async #work(lane: Lane): Promise<void> {
    const { calls, decoder, onRoom } = this.#deps
    lane.isBusy = true
    for (let item = lane.waiting.shift(); item !== undefined; item = lane.waiting.shift()) {
      const { partition, raw, unfinished, entry } = item
      this.#waiting -= 1
      if (calls.admits(partition)) {
        await calls.make(partition, async () => {
          const record = await decodeOrSettle(decoder, partition, raw)
          if (record !== null) await this.#eachRecord(record, calls.context)
          if (!partition.removed) unfinished.finish(entry)
        })
      }
      onRoom()
    }
    lane.isBusy = false
  }
}

interface Entry {
  readonly next: number
  isFinished: boolean
}

/** Records of a partition in their order, from the first that is not finished on. */
class Unfinished {
  readonly #progress: Progress
  #entries: Entry[] = []
  #first = 0

  constructor(progress: Progress, baseOffset: number) {
    this.#progress = progress
    progress.delivered ??= baseOffset
  }

  begin(next: number): Entry {
    const entry = { next, isFinished: false }
    this.#entries.push(entry)
    return entry
  }

  /** The partition's progress is behind all that is finished without a gap. */
  finish(entry: Entry): void {
    entry.isFinished = true
    let last: Entry | null = null
    while (this.#entries[this.#first]?.isFinished) last = this.#entries[this.#first++]!
    if (last === null) return
    finished(this.#progress, last.next)
    if (this.#first === this.#entries.length || this.#first >= 1024) {
      this.#entries = this.#entries.slice(this.#first)
      this.#first = 0
    }
  }
}
