import { backOffMs } from '@ottla/net'
import { ErrorCode } from '@ottla/protocol'
import type { TimerHandle } from '@ottla/runtime'
import { heartbeatApi, joinGroupApi, leaveGroupApi, syncGroupApi } from '../apis.ts'
import type { Cluster } from '../cluster/cluster.ts'
import { sleep } from '../cluster/retry.ts'
import { BrokerError, KafkaError } from '../errors.ts'
import type { Assignment } from './assignors/assignor.ts'
import { type AssignorName, assignors } from './assignors/index.ts'
import type { CoordinatorLink } from './coordinator-link.ts'
import type { GroupSettings } from './options.ts'
import { decodeAssignment, decodeMember, encodeAssignment, encodeSubscription } from './protocol.ts'

/**
 * ```
 *            join                    assignment                heartbeat: REBALANCE_IN_PROGRESS, topics have changed
 *  'out' ───────────▶ 'joining' ───────────────▶ 'member' ──────────────────────────────────────────▶ 'must-rejoin'
 *    ▲                    │ fenced, unknown          │ fenced, unknown, session over                       │ join
 *    └────────────────────┴──────────────────────────┴──────────────────────────────▶ 'joining' ◀──────────┘
 * ```
 * A member that is put `out` has lost its partitions: somebody else may have them already.
 */
export type MembershipState = 'out' | 'joining' | 'member' | 'must-rejoin'

export interface MembershipEvents {
  /** It has to join again, or is out. */
  onChange(): void
  /** While it is a member, at every heartbeat. */
  onHeartbeat(): void
}

/** More than the broker may wait for the others. */
const JOIN_GRACE_MS = 5000
/** The first version that says in the metadata of the group what JoinGroup itself said before. */
const PROTOCOL_NAMES_VERSION = 5
const LEAVE_BATCH_VERSION = 3

/** This consumer as a member of its group, by the classic protocol. */
export class Membership {
  readonly #cluster: Cluster
  readonly #settings: GroupSettings
  readonly #link: CoordinatorLink
  readonly #events: MembershipEvents
  #state: MembershipState = 'out'
  /**
   * Empty before it joins. Who is put out keeps its name until it joins again: what it still commits is refused then, where
   * a commit without a name would be one from outside the group.
   */
  memberId = ''
  generation = -1
  #timer: TimerHandle | undefined
  #heartbeating = false
  /** Another consumer of the same instance has taken this one's place: it can do nothing more. */
  fenced: KafkaError | null = null
  /** Monotonic ms of the last answer of the coordinator. */
  #heardMs = 0
  /** While it leads: how many partitions its members' topics had when it assigned. */
  #assignedOver: ReadonlyMap<string, number> | null = null
  readonly #unsubscribe: () => void

  constructor(cluster: Cluster, settings: GroupSettings, link: CoordinatorLink, events: MembershipEvents) {
    this.#cluster = cluster
    this.#settings = settings
    this.#link = link
    this.#events = events
    this.#unsubscribe = cluster.metadata.onUpdate(() => this.#topicsMayHaveChanged())
  }

  get state(): MembershipState {
    return this.#state
  }

  /**
   * Comes into the group, or into its next generation, and learns what is its own. `owned`: what it keeps meanwhile. Rejects with
   * what cannot heal, and when nothing was answered for as long as `apiTimeoutMs`.
   */
  async join(owned: Assignment, signal: AbortSignal): Promise<Assignment> {
    this.#stopHeartbeats()
    if (this.#state === 'out') this.#forgetIdentity()
    this.#state = 'joining'
    try {
      const assignment = await this.#link.insist(() => this.#joinOnce(owned, signal), signal)
      this.#state = 'member'
      this.#heardMs = this.#cluster.deps.clock.monotonicMs()
      this.#scheduleHeartbeat()
      return assignment
    } catch (error) {
      this.#state = 'out'
      throw error
    }
  }

  async #joinOnce(owned: Assignment, signal: AbortSignal): Promise<Assignment> {
    const { timers, random } = this.#cluster.deps
    for (let tried = 0; ; tried++) {
      signal.throwIfAborted()
      // The second attempt is what MEMBER_ID_REQUIRED asks for.
      if (tried > 1) await sleep(timers, backOffMs(tried - 2, random, this.#cluster.settings.backOff), signal)
      try {
        const joined = await this.#sendJoin(owned)
        this.memberId = joined.memberId
        this.generation = joined.generationId
        const name = joined.protocolName as AssignorName
        const leads = joined.leader === joined.memberId && !joined.skipAssignment
        const assignments = leads ? await this.#assign(name, joined.members) : []
        if (!leads) this.#assignedOver = null
        const synced = await this.#sendSync(assignments, name)
        return decodeAssignment(synced.assignment)
      } catch (error) {
        if (!(error instanceof BrokerError) || !this.#mayJoinAgain(error.errorCode)) throw error
      }
    }
  }

  /** What an error means for the next attempt; false: it is for others to say. */
  #mayJoinAgain(errorCode: number): boolean {
    switch (errorCode) {
      case ErrorCode.UNKNOWN_MEMBER_ID:
      case ErrorCode.ILLEGAL_GENERATION:
        this.#forgetIdentity()
        return true
      case ErrorCode.MEMBER_ID_REQUIRED:
      case ErrorCode.REBALANCE_IN_PROGRESS:
        return true
      default:
        return false
    }
  }

  #forgetIdentity(): void {
    this.memberId = ''
    this.generation = -1
  }

  async #sendJoin(owned: Assignment) {
    const { sessionTimeoutMs, maxPollIntervalMs, instanceId, group, topics } = this.#settings
    const metadata = encodeSubscription(topics, owned, this.generation)
    return this.#link.ask(
      joinGroupApi,
      () => ({
        groupId: group,
        sessionTimeoutMs,
        rebalanceTimeoutMs: maxPollIntervalMs,
        memberId: this.memberId,
        groupInstanceId: instanceId,
        protocolType: 'consumer',
        protocols: this.#settings.assignors.map((name) => ({ name, metadata })),
      }),
      {
        timeoutMs: maxPollIntervalMs + JOIN_GRACE_MS,
        errorOf: ({ errorCode, memberId }) => {
          if (errorCode === ErrorCode.MEMBER_ID_REQUIRED) this.memberId = memberId
          return errorCode
        },
      },
    )
  }

  async #assign(
    name: AssignorName,
    members: readonly { memberId: string; groupInstanceId: string | null; metadata: Buffer }[],
  ) {
    const decoded = members.map((m) => decodeMember(m.memberId, m.groupInstanceId, m.metadata))
    const partitions = new Map<string, number>()
    for (const topic of new Set(decoded.flatMap(({ topics }) => topics))) {
      const count = await this.#partitionsOf(topic)
      if (count !== null) partitions.set(topic, count)
    }
    this.#assignedOver = partitions
    const assigned = assignors[name].assign(decoded, partitions)
    return [...assigned].map(([memberId, assignment]) => ({ memberId, assignment: encodeAssignment(assignment) }))
  }

  /** Null: there is no such topic, or not yet. */
  async #partitionsOf(topic: string): Promise<number | null> {
    try {
      return (await this.#cluster.metadata.topic(topic)).partitions.length
    } catch (error) {
      if (error instanceof KafkaError && error.code === 'UNKNOWN_TOPIC_OR_PARTITION') return null
      throw error
    }
  }

  #sendSync(assignments: { memberId: string; assignment: Buffer }[], protocolName: string) {
    const { group, instanceId } = this.#settings
    return this.#link.ask(
      syncGroupApi,
      (version) => ({
        groupId: group,
        generationId: this.generation,
        memberId: this.memberId,
        groupInstanceId: instanceId,
        ...(version >= PROTOCOL_NAMES_VERSION ? { protocolType: 'consumer', protocolName } : {}),
        assignments,
      }),
      { timeoutMs: this.#settings.maxPollIntervalMs + JOIN_GRACE_MS, errorOf: ({ errorCode }) => errorCode },
    )
  }

  // ---- staying

  #scheduleHeartbeat(): void {
    const { timers } = this.#cluster.deps
    timers.clearTimer(this.#timer)
    this.#timer = timers.setTimer(() => this.#heartbeat(), this.#settings.heartbeatIntervalMs)
  }

  #stopHeartbeats(): void {
    this.#cluster.deps.timers.clearTimer(this.#timer)
    this.#timer = undefined
  }

  #heartbeat(): void {
    if (this.#state !== 'member' && this.#state !== 'must-rejoin') return
    this.#scheduleHeartbeat()
    const silentMs = this.#cluster.deps.clock.monotonicMs() - this.#heardMs
    if (silentMs >= this.#settings.sessionTimeoutMs) {
      this.putOut('the coordinator was not heard of within the session')
      return
    }
    this.#events.onHeartbeat()
    if (this.#heartbeating) return
    this.#heartbeating = true
    const { generation } = this
    this.#sendHeartbeat().then(
      () => {
        this.#heartbeating = false
        this.#heardMs = this.#cluster.deps.clock.monotonicMs()
      },
      (error: unknown) => {
        this.#heartbeating = false
        // Of a generation that is over by now.
        if (generation === this.generation) this.onFailure(error)
      },
    )
  }

  #sendHeartbeat() {
    const { group, instanceId } = this.#settings
    return this.#link.ask(
      heartbeatApi,
      () => ({
        groupId: group,
        generationId: this.generation,
        memberId: this.memberId,
        groupInstanceId: instanceId,
      }),
      { errorOf: ({ errorCode }) => errorCode },
    )
  }

  /** What the coordinator said to a heartbeat or a commit may end the generation, or the membership. */
  onFailure(error: unknown): void {
    if (!(error instanceof KafkaError)) throw error
    if (!(error instanceof BrokerError)) return
    switch (error.errorCode) {
      case ErrorCode.REBALANCE_IN_PROGRESS:
        this.rejoin()
        break
      case ErrorCode.UNKNOWN_MEMBER_ID:
      case ErrorCode.ILLEGAL_GENERATION:
        this.putOut(error.message)
        break
      case ErrorCode.FENCED_INSTANCE_ID:
        // Another has taken the name: to take it back would go on for ever.
        this.fenced = error
        this.putOut(error.message)
        break
    }
  }

  /** With the next look of the reader. */
  rejoin(): void {
    if (this.#state !== 'member') return
    this.#state = 'must-rejoin'
    this.#events.onChange()
  }

  putOut(reason: string): void {
    if (this.#state !== 'member' && this.#state !== 'must-rejoin') return
    const { group } = this.#settings
    this.#cluster.deps.logger.warn('the consumer is no longer a member of its group', { group, reason })
    this.#stopHeartbeats()
    this.#state = 'out'
    this.#events.onChange()
  }

  #topicsMayHaveChanged(): void {
    if (this.#assignedOver === null || this.#state !== 'member') return
    for (const topic of this.#settings.topics) {
      const count = this.#cluster.metadata.peek(topic)?.partitions.length
      if (count === undefined || count === this.#assignedOver.get(topic)) continue
      this.rejoin()
      return
    }
  }

  // ---- going

  /** A static member stays one for its session: it may come back. Never rejects: the others notice its silence, too. */
  async leave(reason: string): Promise<void> {
    this.#stopHeartbeats()
    const { memberId } = this
    this.#state = 'out'
    if (memberId === '' || this.#settings.instanceId !== null) return
    const { group: groupId } = this.#settings
    try {
      await this.#link.ask(
        leaveGroupApi,
        (version) =>
          version < LEAVE_BATCH_VERSION ? { groupId, memberId } : { groupId, members: [{ memberId, reason }] },
        { errorOf: ({ errorCode }) => errorCode },
      )
    } catch (error) {
      if (!(error instanceof KafkaError)) throw error
      this.#cluster.deps.logger.warn('the group could not be left', { group: groupId, error: error.message })
    }
  }

  close(): void {
    this.#stopHeartbeats()
    this.#unsubscribe()
  }
}
