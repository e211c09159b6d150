/**
 * What a group's coordinator needs to know of the member for which a transaction commits offsets, so that one that has
 * been replaced can no longer commit them (KIP-447). A group consumer offers it as `consumer.groupMetadata()`.
 */
export interface GroupMetadata {
  readonly groupId: string
  /** Generation of the classic protocol, or member epoch of KIP-848; -1 checks nothing. */
  readonly generationId: number
  /** Empty when the group has no members of its own. */
  readonly memberId: string
  /** `group.instance.id` of a static member. */
  readonly groupInstanceId: string | null
}

/** A group consumer, as far as a transaction needs one: where it reads on, and for whom. */
export interface OffsetsSource {
  /** Of each partition the offset of the next record its reader gets; null while that is not known. */
  positions(): Iterable<{ readonly topic: string; readonly partition: number; readonly offset: number | null }>
  /** May throw a `KafkaError`, which fails the transaction. */
  groupMetadata(): GroupMetadata
}
