import type { Connection } from './connection.ts'

/**
 * Bytes of all requests that have arrived and are not yet answered, over all connections, with a bound
 * (`queued.max.request.bytes`). Connections that meet the bound stop reading and are woken, in order, when the total
 * has fallen below three quarters of it.
 */
export class QueuedBytes {
  private readonly maxBytes: number
  private bytes = 0
  private waiting = new Set<Connection>()

  /** `maxBytes` ≤ 0 means unbounded, as in Kafka. */
  constructor(maxBytes: number) {
    this.maxBytes = maxBytes > 0 ? maxBytes : Number.POSITIVE_INFINITY
  }

  get total(): number {
    return this.bytes
  }

  get full(): boolean {
    return this.bytes >= this.maxBytes
  }

  add(bytes: number): void {
    this.bytes += bytes
  }

  remove(bytes: number): void {
    this.bytes -= bytes
    if (this.waiting.size === 0 || this.bytes > this.maxBytes * 0.75) return
    const woken = this.waiting
    this.waiting = new Set()
    for (const connection of woken) connection.reconsiderReading()
  }

  waitForRoom(connection: Connection): void {
    this.waiting.add(connection)
  }
}
