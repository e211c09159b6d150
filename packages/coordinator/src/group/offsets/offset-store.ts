import { ZERO_UUID } from '@ottla/protocol'
import type { Timeline } from '../../runtime/timeline.ts'
import { TimelineMap } from '../../runtime/timeline-map.ts'
import type { CommittedOffset, OffsetPlace, StoredOffset } from './committed-offset.ts'

type Partitions = TimelineMap<number, CommittedOffset>

/** Ids that are remembered to be shared. */
const TOPIC_IDS_MAX = 100_000

/** An offset that counts once its transaction commits. */
interface PendingOffset extends OffsetPlace {
  readonly committed: CommittedOffset
}

/**
 * The committed offsets of the groups of one shard, and those that open transactions have under way
 * (`OffsetMetadataManager` in Apache Kafka). Changed by replaying records alone.
 *
 * A transaction's offset waits under its producer id until the marker. Then it replaces what is there unless that was
 * committed behind it.
 */
export class OffsetStore {
  readonly #timeline: Timeline
  readonly #groups = new Map<string, Map<string, Partitions>>()
  readonly #topicIds = new Map<string, string>()
  /** By producer id and `placeKey`: however often a transaction commits to a partition, the last time counts. */
  readonly #pending = new Map<number, TimelineMap<string, PendingOffset>>()
  /** Producer ids with an offset under way, by `placeKey`. */
  readonly #open: TimelineMap<string, ReadonlySet<number>>

  /** Where the last offset went: the next one of the same commit goes there too. Null once that may have been let go. */
  #lastPut: { readonly group: string; readonly topic: string; readonly partitions: Partitions } | null = null

  constructor(timeline: Timeline) {
    this.#timeline = timeline
    this.#open = new TimelineMap(timeline)
  }

  // ---- what is committed

  get({ group, topic, partition }: OffsetPlace): CommittedOffset | undefined {
    return this.#groups.get(group)?.get(topic)?.committed(partition)
  }

  *topicsOf(group: string): Iterable<[topic: string, partitions: Iterable<[number, CommittedOffset]>]> {
    for (const [topic, partitions] of this.#groups.get(group) ?? []) yield [topic, partitions.committedEntries()]
  }

  /** Groups that have offsets. */
  *groups(): Iterable<string> {
    for (const group of this.#groups.keys()) if (this.hasAny(group)) yield group
  }

  hasAny(group: string): boolean {
    for (const partitions of this.#groups.get(group)?.values() ?? []) {
      for (const _ of partitions.committedEntries()) return true
    }
    return false
  }

  /** An open transaction may still change the offset (KIP-447). */
  isUnstable(place: OffsetPlace): boolean {
    return this.#open.committed(placeKey(place)) !== undefined
  }

  // ---- what may not be committed yet

  /** Groups that have, or had until lately, offsets. */
  allGroups(): string[] {
    return [...this.#groups.keys()]
  }

  latest({ group, topic, partition }: OffsetPlace): CommittedOffset | undefined {
    return this.#groups.get(group)?.get(topic)?.get(partition)
  }

  hasPending(place: OffsetPlace): boolean {
    return this.#open.has(placeKey(place))
  }

  /** Of a group, every partition with an offset, under way or there. */
  placesOf(group: string): OffsetPlace[] {
    const places = new Map<string, OffsetPlace>()
    for (const [topic, partitions] of this.#groups.get(group) ?? []) {
      for (const partition of partitions.keys()) {
        const place = { group, topic, partition }
        places.set(placeKey(place), place)
      }
    }
    for (const offsets of this.#pending.values()) {
      for (const [key, { topic, partition, group: of }] of offsets) {
        if (of === group) places.set(key, { group, topic, partition })
      }
    }
    return [...places.values()]
  }

  /** Of topics, every partition with an offset of any group, under way or there: costs nothing for the others. */
  placesIn(topics: ReadonlySet<string>): OffsetPlace[] {
    const places = new Map<string, OffsetPlace>()
    for (const [group, byTopic] of this.#groups) {
      for (const topic of topics) {
        for (const partition of byTopic.get(topic)?.keys() ?? []) {
          const place = { group, topic, partition }
          places.set(placeKey(place), place)
        }
      }
    }
    for (const offsets of this.#pending.values()) {
      for (const [key, { group, topic, partition }] of offsets) {
        if (topics.has(topic)) places.set(key, { group, topic, partition })
      }
    }
    return [...places.values()]
  }

  /** Whether there is an offset of the group now, be it under way. */
  isUsedBy(group: string): boolean {
    for (const partitions of this.#groups.get(group)?.values() ?? []) if (partitions.size > 0) return true
    for (const offsets of this.#pending.values()) {
      for (const pending of offsets.values()) if (pending.group === group) return true
    }
    return false
  }

  // ---- replay

  /** `producerId` is -1 outside of transactions. */
  replay(place: OffsetPlace, value: StoredOffset, recordOffset: number, producerId: number): void {
    const { offset, leaderEpoch = -1, metadata, commitTimestamp, expireTimestamp = -1, topicId = ZERO_UUID } = value
    const committed = {
      offset,
      leaderEpoch,
      metadata,
      commitTimestampMs: commitTimestamp,
      expireTimestampMs: expireTimestamp,
      topicId: this.#sameId(topicId),
      recordOffset,
    }
    if (producerId < 0) this.put(place, committed)
    else this.putPending(place, committed, producerId)
  }

  /** One string for all offsets of a topic: there may be a million. */
  #sameId(topicId: string): string {
    const known = this.#topicIds.get(topicId)
    if (known !== undefined) return known
    if (this.#topicIds.size >= TOPIC_IDS_MAX) this.#topicIds.clear()
    this.#topicIds.set(topicId, topicId)
    return topicId
  }

  put({ group, topic, partition }: OffsetPlace, committed: CommittedOffset): void {
    const last = this.#lastPut
    if (last !== null && last.group === group && last.topic === topic) last.partitions.set(partition, committed)
    else this.#partitionsOf(group, topic).set(partition, committed)
  }

  #partitionsOf(group: string, topic: string): Partitions {
    let topics = this.#groups.get(group)
    if (topics === undefined) {
      topics = new Map()
      this.#groups.set(group, topics)
    }
    let partitions = topics.get(topic)
    if (partitions === undefined) {
      partitions = new TimelineMap(this.#timeline)
      topics.set(topic, partitions)
    }
    this.#lastPut = { group, topic, partitions }
    return partitions
  }

  putPending(place: OffsetPlace, committed: CommittedOffset, producerId: number): void {
    const { group, topic, partition } = place
    const key = placeKey(place)
    let offsets = this.#pending.get(producerId)
    if (offsets === undefined) {
      offsets = new TimelineMap(this.#timeline)
      this.#pending.set(producerId, offsets)
    }
    offsets.set(key, { group, topic, partition, committed })
    const producers = this.#open.get(key)
    if (producers?.has(producerId) !== true) this.#open.set(key, new Set([...(producers ?? []), producerId]))
  }

  /** Also what transactions have under way for it. */
  delete(place: OffsetPlace): void {
    const { group, topic, partition } = place
    this.#groups.get(group)?.get(topic)?.delete(partition)
    this.#sweep(group)
    const key = placeKey(place)
    for (const producerId of this.#open.get(key) ?? []) {
      this.#pending.get(producerId)?.delete(key)
      this.#sweepPending(producerId)
    }
    this.#open.delete(key)
  }

  endTransaction(producerId: number, commit: boolean): void {
    const offsets = this.#pending.get(producerId)
    if (offsets === undefined) return
    for (const [key, pending] of [...offsets]) {
      offsets.delete(key)
      const left = new Set(this.#open.get(key))
      left.delete(producerId)
      if (left.size === 0) this.#open.delete(key)
      else this.#open.set(key, left)
      if (!commit) continue
      const there = this.latest(pending)
      if (there === undefined || there.recordOffset < pending.committed.recordOffset) {
        this.put(pending, pending.committed)
      }
    }
    this.#sweepPending(producerId)
  }

  /** Lets go of the maps of what has been deleted for good; a later call finds what is still uncommitted now. */
  #sweep(group: string): void {
    const topics = this.#groups.get(group)
    if (topics === undefined) return
    for (const [topic, partitions] of topics) if (partitions.isForgotten) topics.delete(topic)
    if (this.#lastPut?.group === group) this.#lastPut = null
    if (topics.size === 0) this.#groups.delete(group)
  }

  #sweepPending(producerId: number): void {
    if (this.#pending.get(producerId)?.isForgotten === true) this.#pending.delete(producerId)
  }

  /** Lets go of what deleted groups and ended transactions have left, once that is committed. */
  sweep(): void {
    for (const group of [...this.#groups.keys()]) this.#sweep(group)
    for (const producerId of [...this.#pending.keys()]) this.#sweepPending(producerId)
  }
}

/** No topic has a 0 in its name. */
function placeKey({ group, topic, partition }: OffsetPlace): string {
  return `${partition}\0${topic}\0${group}`
}
