import { CodecError, ConsumerProtocolSubscription, decodeVersionedLeniently } from '@ottla/protocol'
import { type ClassicGroup, CONSUMER_PROTOCOL_TYPE } from './classic-group.ts'
import { type ClassicMember, metadataFor } from './member.ts'

/** The topics a consumer's metadata names; null when it is not what consumers send. */
export function topicsOf(metadata: Buffer): ReadonlySet<string> | null {
  try {
    return new Set(decodeVersionedLeniently(ConsumerProtocolSubscription, metadata).topics)
  } catch (error) {
    if (error instanceof CodecError) return null
    throw error
  }
}

/** Whether a member that comes back wants other topics than it did; what others than consumers say means nothing to us. */
export function wantsOther(group: ClassicGroup, before: Buffer, member: ClassicMember): boolean {
  if (group.protocolType !== CONSUMER_PROTOCOL_TYPE) return false
  const was = topicsOf(before)
  const is = topicsOf(metadataFor(member, group.protocol))
  return was === null || is === null || was.size !== is.size || ![...was].every((topic) => is.has(topic))
}

/** Whether some member reads the topic; where that cannot be known, they may. */
export function isSubscribed(group: ClassicGroup, topic: string): boolean {
  if (group.protocolType !== CONSUMER_PROTOCOL_TYPE) return false
  for (const member of group.members.values()) {
    const { protocols } = member
    const metadata = group.protocol === null ? protocols[0]?.metadata : metadataFor(member, group.protocol)
    const topics = metadata === undefined ? null : topicsOf(metadata)
    if (topics === null || topics.has(topic)) return true
  }
  return false
}
