import { SeededRandom } from '@ottla/runtime/sim'

/** Draws for tests. */
export class Dice {
  readonly #random: SeededRandom

  constructor(seed: number) {
    this.#random = new SeededRandom(seed)
  }

  below(bound: number): number {
    return this.#random.below(bound)
  }

  between(low: number, high: number): number {
    return low + this.#random.below(high - low + 1)
  }

  chance(probability: number): boolean {
    return this.#random.float() < probability
  }

  pick<T>(items: readonly T[]): T {
    return items[this.#random.below(items.length)]
  }
}
