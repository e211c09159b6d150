import type { ClassicGroup } from './classic/classic-group.ts'
import { metadataFor, NO_BYTES } from './classic/member.ts'

export interface GroupListing {
  readonly groupId: string
  readonly protocolType: string
  readonly state: string
  /** `Classic` or `Consumer`, as Kafka's `GroupType` prints it. */
  readonly type: string
}

export interface GroupDescription {
  readonly state: string
  readonly protocolType: string
  /** How it assigns; empty unless stable. */
  readonly protocol: string
  readonly members: readonly {
    readonly memberId: string
    readonly groupInstanceId: string | null
    readonly clientId: string
    readonly clientHost: string
    readonly memberMetadata: Buffer
    readonly memberAssignment: Buffer
  }[]
}

export function listed({ groupId, protocolType, state }: ClassicGroup): GroupListing {
  return { groupId, protocolType: protocolType ?? '', state, type: 'Classic' }
}

export function describeClassic(group: ClassicGroup): GroupDescription {
  const isStable = group.is('Stable')
  return {
    state: group.state,
    protocolType: group.protocolType ?? '',
    protocol: isStable ? (group.protocol ?? '') : '',
    members: [...group.members.values()].map((member) => ({
      memberId: member.memberId,
      groupInstanceId: member.instanceId,
      clientId: member.clientId,
      clientHost: member.clientHost,
      memberMetadata: isStable ? metadataFor(member, group.protocol) : NO_BYTES,
      memberAssignment: isStable ? member.assignment : NO_BYTES,
    })),
  }
}
