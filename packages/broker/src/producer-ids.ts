/** A range of producer ids that no one else has, from `first` on. */
export interface ProducerIdBlock {
  readonly first: number
  readonly size: number
}

/**
 * Hands out producer ids, each once, from blocks reserved durably before any of their ids is used: ids of a block that
 * was not used up before a crash are lost, never reused (`RPCProducerIdManager` in Apache Kafka).
 */
export class ProducerIds {
  private readonly reserve: () => Promise<ProducerIdBlock | null>
  private nextId = 0
  private left = 0
  private reserving: Promise<boolean> | null = null

  constructor(reserve: () => Promise<ProducerIdBlock | null>) {
    this.reserve = reserve
  }

  /** `null` when no block can be had now; the producer asks again. */
  async next(): Promise<number | null> {
    while (this.left === 0) {
      this.reserving ??= this.refill()
      if (!(await this.reserving)) return null
    }
    this.left--
    return this.nextId++
  }

  private async refill(): Promise<boolean> {
    try {
      const block = await this.reserve()
      if (block === null) return false
      this.nextId = block.first
      this.left = block.size
      return true
    } finally {
      this.reserving = null
    }
  }
}
