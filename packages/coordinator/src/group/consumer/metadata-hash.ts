import type { TopicImage } from '../topics-image.ts'

/**
 * A number for what a group's topics are: ids, names, numbers of partitions, and the racks of these. It stays the same over
 * restarts and releases, so that a group is assigned anew if and only if something has changed. 53 bits of our own (Kafka
 * takes XXH3: a log written there gives one more assignment here, and nothing else). 0 for no topics.
 */
export function metadataHash(topics: Iterable<TopicImage>): number {
  const sorted = [...topics].sort((a, b) => (a.name < b.name ? -1 : 1))
  if (sorted.length === 0) return 0
  const mix = new Mixer()
  for (const { name, topicId, partitions, racks } of sorted) {
    mix.text(topicId)
    mix.text(name)
    mix.number(partitions)
    for (const [partition, of] of racks.entries()) {
      if (of.length === 0) continue
      mix.number(partition)
      for (const rack of [...of].sort()) mix.text(rack)
    }
  }
  return mix.result()
}

/** Two lanes of 32 bits, each multiplied by a prime of its own. */
class Mixer {
  #a = 0x2545_f491
  #b = 0x1b87_3593

  text(text: string): void {
    this.number(text.length)
    for (let i = 0; i < text.length; i++) this.number(text.charCodeAt(i))
  }

  number(value: number): void {
    this.#a = Math.imul(this.#a ^ value, 0x9e37_79b1)
    this.#a ^= this.#a >>> 15
    this.#b = Math.imul(this.#b ^ value, 0x85eb_ca77)
    this.#b ^= this.#b >>> 13
  }

  result(): number {
    return (this.#a & 0x1f_ffff) * 0x1_0000_0000 + (this.#b >>> 0)
  }
}
