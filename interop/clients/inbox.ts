import { setTimeout as delay } from 'node:timers/promises'
import type { Answers, PartitionOffset, PolledRecord } from '../contract.ts'

/**
 * Turns a client that calls with each record into one that is polled: the call ends when its record was taken, so the
 * client is never more than one record ahead.
 */
export class Inbox {
  readonly #most: number
  #waiting: { record: PolledRecord; taken: () => void }[] = []
  #arrived: (() => void) | undefined
  #next = new Map<string, PartitionOffset>()
  #assigned: string[] = []
  #lost: string[] = []
  #rebalances = 0
  #failed: Error | undefined

  constructor(most: number) {
    this.#most = most
  }

  /** For the client: one record; resolves when it was polled. */
  take(record: PolledRecord): Promise<void> {
    return new Promise((taken) => {
      this.#waiting.push({ record, taken })
      this.#arrived?.()
    })
  }

  /** For the client: all partitions that it holds from now on. */
  assign(names: string[], counts = true): void {
    this.#lost.push(...this.#assigned.filter((name) => !names.includes(name)))
    this.#assigned = names
    for (const name of this.#next.keys()) if (!names.includes(name)) this.#next.delete(name)
    if (counts) this.#rebalances++
  }

  get held(): readonly string[] {
    return this.#assigned
  }

  fail(error: Error): void {
    this.#failed = error
  }

  /** Lets the calls end that wait for a poll. */
  close(): void {
    for (const { taken } of this.#waiting.splice(0)) taken()
  }

  polled(): PartitionOffset[] {
    return [...this.#next.values()]
  }

  async poll(): Promise<Answers['poll']> {
    if (this.#failed !== undefined) throw this.#failed
    const records: PolledRecord[] = []
    const until = performance.now() + 100
    while (records.length < this.#most) {
      const one = this.#waiting.shift()
      if (one !== undefined) {
        const { topic, partition, offset } = one.record
        records.push(one.record)
        this.#next.set(`${topic}-${partition}`, { topic, partition, offset: offset + 1 })
        one.taken()
        continue
      }
      const left = until - performance.now()
      if (left <= 0) break
      await Promise.race([
        delay(left),
        new Promise<void>((resolve) => {
          this.#arrived = resolve
        }),
      ])
    }
    return { assigned: this.#assigned, lost: this.#lost, rebalances: this.#rebalances, records }
  }
}
