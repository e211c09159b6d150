import type { ConsumerGroupMemberMetadataValue, MessageOf } from '@ottla/protocol'

/** What a member of a consumer group speaks if that is the classic protocol. */
export interface ClassicSide {
  readonly sessionTimeoutMs: number
  readonly protocols: readonly { readonly name: string; readonly metadata: Buffer }[]
}

/** Who a member is and what it wants. Never changed in place. */
export interface Subscription {
  readonly instanceId: string | null
  readonly rackId: string | null
  readonly clientId: string
  readonly clientHost: string
  /** Sorted. */
  readonly topicNames: readonly string[]
  /** In RE2 syntax; null or empty for none. */
  readonly topicRegex: string | null
  readonly rebalanceTimeoutMs: number
  /** Null for the group's choice. */
  readonly serverAssignor: string | null
  /** Null for members that speak the consumer protocol. */
  readonly classic: ClassicSide | null
}

export function restoreSubscription(stored: MessageOf<typeof ConsumerGroupMemberMetadataValue>): Subscription {
  const { classicMemberMetadata } = stored
  return {
    instanceId: stored.instanceId,
    rackId: stored.rackId,
    clientId: stored.clientId,
    clientHost: stored.clientHost,
    topicNames: [...stored.subscribedTopicNames],
    topicRegex: stored.subscribedTopicRegex,
    rebalanceTimeoutMs: stored.rebalanceTimeoutMs,
    serverAssignor: stored.serverAssignor,
    classic:
      classicMemberMetadata === null
        ? null
        : {
            sessionTimeoutMs: classicMemberMetadata.sessionTimeoutMs,
            protocols: classicMemberMetadata.supportedProtocols.map(({ name, metadata }) => ({
              name,
              // What is read at the start lies in the log's buffer, which is not to be kept.
              metadata: Buffer.from(metadata),
            })),
          },
  }
}

/** Sorted, each once. */
export function topicList(names: readonly string[]): readonly string[] {
  return [...new Set(names)].sort()
}

/** Whether the member wants other topics than it did. */
export function wantsOtherTopics(before: Subscription, after: Subscription): boolean {
  return !sameNames(before.topicNames, after.topicNames) || (before.topicRegex ?? '') !== (after.topicRegex ?? '')
}

export function sameNames(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((name, i) => name === b[i])
}

export function sameSubscription(a: Subscription, b: Subscription): boolean {
  return (
    a.instanceId === b.instanceId &&
    a.rackId === b.rackId &&
    a.clientId === b.clientId &&
    a.clientHost === b.clientHost &&
    a.topicRegex === b.topicRegex &&
    a.rebalanceTimeoutMs === b.rebalanceTimeoutMs &&
    a.serverAssignor === b.serverAssignor &&
    sameNames(a.topicNames, b.topicNames) &&
    sameClassicSide(a.classic, b.classic)
  )
}

function sameClassicSide(a: ClassicSide | null, b: ClassicSide | null): boolean {
  if (a === null || b === null) return a === b
  return (
    a.sessionTimeoutMs === b.sessionTimeoutMs &&
    a.protocols.length === b.protocols.length &&
    a.protocols.every(
      ({ name, metadata }, i) => name === b.protocols[i].name && metadata.equals(b.protocols[i].metadata),
    )
  )
}
