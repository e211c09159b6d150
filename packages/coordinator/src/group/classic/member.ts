import type { InputOf, JoinGroupResponse, SyncGroupResponse } from '@ottla/protocol'
import type { Later } from '../../runtime/later.ts'

export type JoinReply = InputOf<typeof JoinGroupResponse>
export type SyncReply = InputOf<typeof SyncGroupResponse>

/** A way of assigning that a member offers, and what it says about itself for it. */
export interface MemberProtocol {
  readonly name: string
  readonly metadata: Buffer
}

/** A member of a classic group. Belongs to its group alone, which changes it. */
export interface ClassicMember {
  readonly memberId: string
  /** Null unless static (KIP-345). */
  readonly instanceId: string | null
  clientId: string
  clientHost: string
  rebalanceTimeoutMs: number
  sessionTimeoutMs: number
  /** In its order of preference. */
  protocols: readonly MemberProtocol[]
  /** Of the present generation. */
  assignment: Buffer
  /** Not null while it waits for the others to join. */
  awaitingJoin: Later<JoinReply> | null
  /** Not null while it waits for the leader's assignment. */
  awaitingSync: Later<SyncReply> | null
  /** Has not been in a generation yet. */
  isNew: boolean
}

export const NO_BYTES: Buffer = Buffer.alloc(0)

/** Whether it says the same about itself as before. */
export function offersSame(member: ClassicMember, protocols: readonly MemberProtocol[]): boolean {
  if (member.protocols.length !== protocols.length) return false
  return member.protocols.every(
    ({ name, metadata }, i) => name === protocols[i].name && metadata.equals(protocols[i].metadata),
  )
}

/** What it says for the chosen way of assigning; nothing if it does not offer that. */
export function metadataFor(member: ClassicMember, protocol: string | null): Buffer {
  return member.protocols.find(({ name }) => name === protocol)?.metadata ?? NO_BYTES
}

/** The answer to a member that cannot join. */
export function joinRefusal(memberId: string, errorCode: number): JoinReply {
  return { errorCode, generationId: -1, protocolName: null, leader: '', memberId, members: [] }
}
