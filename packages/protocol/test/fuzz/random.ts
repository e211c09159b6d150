/** mulberry32: small, fast, and the same everywhere. Not for secrets. */
export class Random {
  private state: number

  constructor(seed: number) {
    this.state = seed >>> 0
  }

  /** 32 bits, unsigned. */
  next(): number {
    this.state = (this.state + 0x6d2b79f5) >>> 0
    let t = this.state
    t = Math.imul(t ^ (t >>> 15), t | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return (t ^ (t >>> 14)) >>> 0
  }

  /** From 0 to `bound` - 1. */
  below(bound: number): number {
    return this.next() % bound
  }

  pick<T>(items: readonly T[]): T {
    return items[this.below(items.length)]
  }
}

/** A seed for one thing among many, so that it can be run alone. */
export function derivedSeed(seed: number, name: string): number {
  let hash = seed >>> 0
  for (let i = 0; i < name.length; i++) hash = Math.imul(hash ^ name.charCodeAt(i), 0x01000193) >>> 0
  return hash
}
