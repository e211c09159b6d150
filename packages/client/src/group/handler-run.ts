import { aFunction, checkOptions, type OptionRule, oneOf, whole } from '../check-options.ts'
import type { FetchedPartition } from '../consumer/fetcher.ts'
import type { ConsumerBatch, ConsumerRecord } from '../consumer/record.ts'
import { ConfigError } from '../errors.ts'

export interface HandlerContext {
  /** Aborted when the run ends, because the consumer is closed or another handler has thrown; what is finished all the same counts. */
  readonly signal: AbortSignal
}

/** Give one of `eachRecord` and `eachBatch`. Neither may await the consumer's `close()`, which waits for it. */
export interface RunOptions<K = Buffer, V = Buffer> {
  /** Called for each record, which is processed when what it returns has resolved. What it throws ends the run. */
  readonly eachRecord?: (record: ConsumerRecord<K, V>, context: HandlerContext) => unknown
  /** Called for the records of one stored batch, all of one partition, which are processed together. */
  readonly eachBatch?: (records: readonly ConsumerRecord<K, V>[], context: HandlerContext) => unknown
  /** Handlers at work at a time. Default 1. */
  readonly concurrency?: number
  /**
   * What is handled one after the other: the records of a partition, or those of a partition that have the same key, while a
   * record without a key waits for none. Default partition.
   */
  readonly order?: 'partition' | 'key'
}

const CONCURRENCY_MAX = 10_000

const rules: Readonly<Record<keyof RunOptions, OptionRule>> = {
  eachRecord: aFunction,
  eachBatch: aFunction,
  concurrency: whole(1, CONCURRENCY_MAX),
  order: oneOf('partition', 'key'),
}

/** Throws `ConfigError`. */
export function checkRunOptions<K, V>(options: RunOptions<K, V>): void {
  checkOptions('run', options, rules)
  if ((options.eachRecord === undefined) === (options.eachBatch === undefined)) {
    throw new ConfigError('run takes eachRecord or eachBatch, one of them')
  }
  if (options.eachBatch !== undefined && options.order === 'key') {
    throw new ConfigError("eachBatch handles records of a partition together: it has no order 'key'")
  }
}

/** Handlers at work on batches that were taken, in some order. */
export interface HandlerWork {
  /** Another batch may be begun. */
  readonly hasRoom: boolean
  begin(partition: FetchedPartition, batch: ConsumerBatch): void
}

/** The calls of handlers that are under way. */
export class HandlerCalls {
  readonly #ending = new AbortController()
  readonly #onThrown: (error: unknown) => void
  /** By number, oldest first. */
  readonly #calls = new Map<number, { readonly partition: FetchedPartition; readonly done: Promise<void> }>()
  /** No further call is made for them. */
  readonly #stopped = new WeakSet<FetchedPartition>()
  #number = 0
  readonly context: HandlerContext = { signal: this.#ending.signal }

  /** `onThrown` is told what the run ends with. */
  constructor(onThrown: (error: unknown) => void) {
    this.#onThrown = onThrown
  }

  /** A number for the call that has been under way for longest; null while there is none. */
  get oldest(): number | null {
    return this.#calls.keys().next().value ?? null
  }

  /** Whether a call may still be made for a partition. */
  admits(partition: FetchedPartition): boolean {
    return !this.#ending.signal.aborted && !partition.removed && !this.#stopped.has(partition)
  }

  /** Resolves to whether it has gone well. */
  async make(partition: FetchedPartition, call: () => Promise<void>): Promise<boolean> {
    const number = this.#number++
    const done = Promise.withResolvers<void>()
    // Before it is made: a handler may close its consumer at once.
    this.#calls.set(number, { partition, done: done.promise })
    try {
      await call()
      return true
    } catch (error) {
      this.end()
      this.#onThrown(error)
      return false
    } finally {
      this.#calls.delete(number)
      done.resolve()
    }
  }

  /** No further call is made for these partitions; resolves when those under way are over. */
  async settle(partitions: readonly FetchedPartition[]): Promise<void> {
    for (const partition of partitions) this.#stopped.add(partition)
    const mine = [...this.#calls.values()].filter(({ partition }) => partitions.includes(partition))
    await Promise.all(mine.map(({ done }) => done))
  }

  /** No further call is made. */
  end(): void {
    this.#ending.abort()
  }
}
