import type { Assignment } from './assignor.ts'

/** An assignment in the making: as the one it came from until it is changed. */
export class Draft {
  readonly #before: Assignment
  readonly #changed = new Map<string, Set<number>>()

  constructor(before: Assignment) {
    this.#before = before
  }

  add(topicId: string, partition: number): void {
    this.#of(topicId).add(partition)
  }

  remove(topicId: string, partition: number): void {
    this.#of(topicId).delete(partition)
  }

  removeTopic(topicId: string): void {
    this.#changed.set(topicId, new Set())
  }

  #of(topicId: string): Set<number> {
    let partitions = this.#changed.get(topicId)
    if (partitions === undefined) {
      partitions = new Set(this.#before.get(topicId))
      this.#changed.set(topicId, partitions)
    }
    return partitions
  }

  finish(): Assignment {
    if (this.#changed.size === 0) return this.#before
    const after = new Map(this.#before)
    for (const [topicId, partitions] of this.#changed) {
      if (partitions.size === 0) after.delete(topicId)
      else after.set(topicId, [...Int32Array.from(partitions).sort()])
    }
    return after
  }
}
