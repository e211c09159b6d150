import { type RecordBatch, RecordsError, readBatches } from '@ottla/protocol/records'
import type { Cluster } from '../cluster/cluster.ts'
import { KafkaError } from '../errors.ts'
import { AbortedFilter } from './aborted-filter.ts'
import { type Chunk, type FetchedPartition, Fetcher } from './fetcher.ts'
import type { ConsumerSettings, StartOffset } from './options.ts'
import { ConsumerBatch, corrupt } from './record.ts'

/** A chunk with the batches it holds, read one by one. */
interface Open {
  readonly chunk: Chunk
  readonly batches: Iterator<RecordBatch>
  readonly aborted: AbortedFilter
  /** The rest of a batch that was given back. */
  rest: ConsumerBatch | null
}

/**
 * What has been fetched of some partitions and not been read yet, and the fetcher that goes on fetching. Partitions may
 * come and go while it is read.
 */
export class ReadQueue {
  private readonly cluster: Cluster
  private readonly settings: ConsumerSettings
  private readonly onNews: () => void
  /** The fetcher looks at it in each round, so that what is added is fetched. */
  private readonly list: FetchedPartition[] = []
  /** Offsets the reader has reached. */
  private readonly reached = new Map<FetchedPartition, number>()
  private fetcher: Fetcher | null = null
  private chunks: Chunk[] = []
  private open: Open | null = null
  /** Of partitions that were paused while their chunk was read. */
  private parked: Open[] = []
  /** A chunk has been opened since the last turn. */
  private owesTurn = false
  /** Why reading cannot go on. */
  error: KafkaError | null = null

  /** `onNews` is called when `take` may find something, reading has failed, or a partition has come to its end. */
  constructor(cluster: Cluster, settings: ConsumerSettings, onNews: () => void) {
    this.cluster = cluster
    this.settings = settings
    this.onNews = onNews
  }

  get partitions(): readonly FetchedPartition[] {
    return this.list
  }

  /** Of what has been fetched and not been read. */
  get bufferedBytes(): number {
    return this.list.reduce((bytes, partition) => bytes + partition.bufferedBytes, 0)
  }

  /** Begins to fetch, and goes on until `close`. */
  start(): void {
    this.fetcher ??= new Fetcher(this.cluster, this.settings, this.list, {
      onChunk: (chunk) => this.onChunk(chunk),
      onError: (error) => {
        this.error ??= error
        this.onNews()
      },
      onProgress: this.onNews,
    })
  }

  close(): void {
    this.fetcher?.close()
    this.chunks.length = 0
    this.parked.length = 0
    this.open = null
  }

  add(topic: string, partition: number, start: StartOffset, until: number): FetchedPartition {
    const added = newPartition(topic, partition, start, until)
    this.list.push(added)
    this.fetcher?.wake()
    return added
  }

  /** Nothing more of it is taken. */
  remove(partition: FetchedPartition): void {
    const at = this.list.indexOf(partition)
    if (at < 0) return
    this.list.splice(at, 1)
    partition.removed = true
    this.reached.delete(partition)
    this.drop(partition)
  }

  /** Reads on from there. */
  seek(partition: FetchedPartition, offset: StartOffset): FetchedPartition {
    const { topic, partition: number, until, paused } = partition
    this.remove(partition)
    const added = this.add(topic, number, offset, until)
    added.paused = paused
    return added
  }

  private drop(partition: FetchedPartition): void {
    const others: Chunk[] = []
    for (const chunk of this.chunks) {
      if (chunk.partition !== partition) others.push(chunk)
      else this.fetcher?.release(partition, chunk.buffer.length)
    }
    this.chunks = others
    for (const { chunk } of this.parked) {
      if (chunk.partition === partition) this.fetcher?.release(partition, chunk.buffer.length)
    }
    this.parked = this.parked.filter(({ chunk }) => chunk.partition !== partition)
    if (this.open?.chunk.partition !== partition) return
    this.fetcher?.release(partition, this.open.chunk.buffer.length)
    this.open = null
  }

  /** Of a batch that is in hand its reader gives back what it has not read. */
  pause(partition: FetchedPartition, paused: boolean): void {
    partition.paused = paused
    if (!paused) this.fetcher?.wake()
    else this.park(partition)
    this.onNews()
  }

  /** While it is held nothing of it is taken. */
  hold(partition: FetchedPartition, held: boolean): void {
    partition.held = held
    if (held) this.park(partition)
  }

  private park(partition: FetchedPartition): void {
    if (this.open?.chunk.partition !== partition) return
    this.parked.push(this.open)
    this.open = null
  }

  /** The records of the last batch from this offset on are to be taken again, after those of other partitions perhaps. */
  giveBack(partition: FetchedPartition, batch: ConsumerBatch, offset: number): void {
    const open = [this.open, ...this.parked].find((one) => one?.chunk.partition === partition)
    // It has been sought away from.
    if (open === undefined || open === null) return
    open.rest = batch.from(offset)
    this.reached.set(partition, offset)
  }

  /** Where the reader stands; null while that is not known. */
  position(partition: FetchedPartition): number | null {
    const known = this.reached.get(partition) ?? partition.fetchOffset
    return known ?? (typeof partition.start === 'number' ? partition.start : null)
  }

  /** Every partition has come to its `until`. */
  get isAtEnd(): boolean {
    return this.list.every((p) => p.fetchOffset !== null && p.fetchOffset >= p.until)
  }

  /**
   * A turn of the event loop to be waited for before the next batch, once for each chunk; null: none. A reader that finds records at hand
   * never waits for anything else: what has come meanwhile would be left lying, and the next fetch be sent too late.
   */
  turn(): Promise<void> | null {
    if (!this.owesTurn) return null
    this.owesTurn = false
    return new Promise((resolve) => this.cluster.deps.timers.immediate(resolve))
  }

  /** The next batch of what has been fetched, if there is one. Until it is asked again the last one is in hand. */
  take(): { readonly batch: ConsumerBatch; readonly partition: FetchedPartition } | null {
    for (;;) {
      if (this.open === null) {
        const parkedAt = this.parked.findIndex(({ chunk }) => isOpen(chunk.partition))
        if (parkedAt >= 0) this.open = this.parked.splice(parkedAt, 1)[0]
      }
      if (this.open === null) {
        const at = this.chunks.findIndex((chunk) => isOpen(chunk.partition))
        if (at < 0) return null
        const [chunk] = this.chunks.splice(at, 1)
        // Checked when it came.
        const batches = readBatches(chunk.buffer, { checkCrc: false })
        this.open = { chunk, batches, aborted: new AbortedFilter(chunk.aborted), rest: null }
        this.owesTurn = true
      }
      const { chunk, batches, aborted } = this.open
      const { partition } = chunk
      if (this.open.rest !== null) {
        const batch = this.open.rest
        this.open.rest = null
        this.reached.set(partition, batch.lastOffset + 1)
        return { batch, partition }
      }
      const from = this.reached.get(partition) ?? chunk.fromOffset
      const next = nextBatch(batches)
      if (next === null || next.baseOffset >= partition.until) {
        this.open = null
        this.fetcher?.release(partition, chunk.buffer.length)
        continue
      }
      this.reached.set(partition, Math.min(partition.until, next.lastOffset + 1))
      // Markers of transactions are for the client alone; their offsets count.
      const isLeftOut = aborted.leavesOut(next)
      if (isLeftOut || next.lastOffset < from || next.recordCount === 0) continue
      const batch = new ConsumerBatch(partition.topic, partition.partition, next, from, partition.until)
      return { batch, partition }
    }
  }

  /** Moves the partition on behind the chunk's last whole batch, so that the next fetch can begin while this is read. */
  private onChunk(chunk: Chunk): void {
    const { topic, partition } = chunk.partition
    let next = chunk.fromOffset
    try {
      for (const batch of readBatches(chunk.buffer, { checkCrc: this.settings.checkCrcs })) next = batch.lastOffset + 1
    } catch (error) {
      if (!(error instanceof RecordsError)) throw error
      // What comes before the bad batch is delivered first.
      if (next === chunk.fromOffset) {
        this.fail(corrupt(topic, partition, error))
        return
      }
    }
    if (next === chunk.fromOffset) {
      const what = `partition ${topic}-${partition}: the batch at offset ${next} is larger than partitionMaxBytes`
      this.fail(new KafkaError('RECORD_TOO_LARGE', what))
      return
    }
    chunk.partition.fetchOffset = next
    // The reader has not got as far as the fetcher.
    if (!this.reached.has(chunk.partition)) this.reached.set(chunk.partition, chunk.fromOffset)
    this.chunks.push(chunk)
    this.onNews()
  }

  private fail(error: KafkaError): void {
    this.error ??= error
    this.fetcher?.close()
    this.onNews()
  }
}

function isOpen({ paused, held }: FetchedPartition): boolean {
  return !paused && !held
}

/** Null at the chunk's end, which is also a batch that was found corrupt: the next fetch begins with it and fails. */
function nextBatch(batches: Iterator<RecordBatch>): RecordBatch | null {
  try {
    const next = batches.next()
    return next.done ? null : next.value
  } catch (error) {
    if (error instanceof RecordsError) return null
    throw error
  }
}

function newPartition(topic: string, partition: number, start: StartOffset, until: number): FetchedPartition {
  return {
    topic,
    partition,
    fetchOffset: null,
    start,
    until,
    bufferedBytes: 0,
    inFlight: false,
    highWatermark: -1,
    failures: 0,
    notBeforeMs: 0,
    leaderlessMs: null,
    paused: false,
    held: false,
    removed: false,
  }
}
