import type { CoordinatorRecord } from '../../runtime/record.ts'
import { type Assignment, type Assignor, type AssignorMember, sameAssignment } from '../assignors/assignor.ts'
import { assignRange } from '../assignors/range.ts'
import { assignUniformly } from '../assignors/uniform.ts'
import type { GroupContext } from '../context.ts'
import type { TopicImage, TopicsImage } from '../topics-image.ts'
import type { ConsumerGroup } from './consumer-group.ts'
import { metadataHash } from './metadata-hash.ts'
import { groupEpochRecord, regexRecord, regexTombstone, targetEpochRecord, targetRecord } from './records.ts'
import { type ResolvedRegex, resolveRegex } from './regex.ts'
import { type Subscription, sameNames } from './subscription.ts'

/** Those there are, by the names that members ask for (`group.consumer.assignors`). */
export const ASSIGNORS: ReadonlyMap<string, Assignor> = new Map([
  ['uniform', assignUniformly],
  ['range', assignRange],
])

/** ms between two resolutions of a group's patterns, which cost something for every topic there is. */
const REGEX_REFRESH_INTERVAL_MS = 1_000

/**
 * What becomes of a group's epoch and its target with members that are other than they were. It only reads the group; what is
 * to change is in `records`.
 */
export class NextEpoch {
  readonly records: CoordinatorRecord[] = []
  readonly #context: GroupContext
  readonly #group: ConsumerGroup
  readonly #members: ReadonlyMap<string, Subscription>
  readonly #topics: TopicsImage
  readonly #nowMs: number
  readonly #regexes = new Map<string, ResolvedRegex>()
  #epoch: number

  /** `members`: as they will be. */
  constructor(context: GroupContext, group: ConsumerGroup, members: ReadonlyMap<string, Subscription>, nowMs: number) {
    this.#context = context
    this.#group = group
    this.#members = members
    this.#topics = context.topics()
    this.#nowMs = nowMs
    this.#epoch = group.epoch
  }

  get epoch(): number {
    return this.#epoch
  }

  /** Raises the epoch if `isDue`, or if the topics are not what they were when it was raised last. */
  raise(isDue: boolean): void {
    const { isChanged, isUpToDate } = this.#resolve(isDue)
    const group = this.#group
    const hash = metadataHash(this.#subscribedTopics())
    if (!isDue && !isChanged && hash === group.metadataHash) {
      if (isUpToDate) group.checkedVersion = this.#topics.version
      return
    }
    this.#epoch++
    this.records.push(groupEpochRecord(group.groupId, this.#epoch, hash))
    this.#context.log('consumer group has a new epoch', { group: group.groupId, epoch: this.#epoch })
  }

  /** Resolves the members' patterns, as far as it is time to. */
  #resolve(isDue: boolean): { isChanged: boolean; isUpToDate: boolean } {
    const group = this.#group
    const { version } = this.#topics
    const isTime = isDue || this.#nowMs - group.regexesResolvedMs >= REGEX_REFRESH_INTERVAL_MS
    let isChanged = false
    let isUpToDate = true
    for (const regex of regexesOf(this.#members.values())) {
      const known = group.regexes.get(regex)
      if (known !== undefined && (known.version === version || !isTime)) {
        this.#regexes.set(regex, known)
        if (known.version !== version) isUpToDate = false
        continue
      }
      group.regexesResolvedMs = this.#nowMs
      const resolved = resolveRegex(regex, this.#topics, this.#nowMs)
      this.#regexes.set(regex, resolved)
      if (known !== undefined && sameNames(known.topicNames, resolved.topicNames)) continue
      isChanged = true
      this.records.push(regexRecord(group.groupId, regex, resolved))
    }
    for (const regex of group.regexes.keys()) {
      if (!this.#regexes.has(regex)) this.records.push(regexTombstone(group.groupId, regex))
    }
    return { isChanged, isUpToDate }
  }

  #subscribedTopics(): TopicImage[] {
    const names = new Set<string>()
    for (const { topicNames } of this.#members.values()) for (const name of topicNames) names.add(name)
    for (const { topicNames } of this.#regexes.values()) for (const name of topicNames) names.add(name)
    return [...names].map((name) => this.#topics.topic(name)).filter((topic) => topic !== undefined)
  }

  /** The members' targets in the new epoch. `targetOf`: what they were meant to have so far. */
  assign(targetOf: (memberId: string) => Assignment): ReadonlyMap<string, Assignment> {
    const { groupId } = this.#group
    const assignor = ASSIGNORS.get(this.#assignorName())!
    const targets = assignor(this.#assignorMembers(targetOf), this.#topicsById())
    for (const memberId of this.#members.keys()) {
      const target = targets.get(memberId)!
      const isSame = this.#group.hasTarget(memberId) && sameAssignment(this.#group.target(memberId), target)
      if (!isSame) this.records.push(targetRecord(groupId, memberId, target))
    }
    this.records.push(targetEpochRecord(groupId, this.#epoch, this.#nowMs))
    return targets
  }

  /** What most members ask for; of several, the one that is first in the configuration. */
  #assignorName(): string {
    return preferredAssignor(this.#members.values(), this.#context.config.consumer.assignors)
  }

  #topicsById(): Map<string, TopicImage> {
    return new Map(this.#subscribedTopics().map((topic) => [topic.topicId, topic]))
  }

  /** Members with the same subscription share their set of topics. */
  #assignorMembers(targetOf: (memberId: string) => Assignment): AssignorMember[] {
    const sets = new Map<string, ReadonlySet<string>>()
    return [...this.#members].map(([memberId, { instanceId, rackId, topicNames, topicRegex }]) => {
      const key = `${topicNames.join(' ')}\n${topicRegex ?? ''}`
      let topicIds = sets.get(key)
      if (topicIds === undefined) {
        topicIds = this.#topicIds([...topicNames, ...(this.#regexes.get(topicRegex ?? '')?.topicNames ?? [])])
        sets.set(key, topicIds)
      }
      return { memberId, instanceId, rackId, topicIds, target: targetOf(memberId) }
    })
  }

  #topicIds(names: readonly string[]): ReadonlySet<string> {
    const topicIds = new Set<string>()
    for (const name of names) {
      const topic = this.#topics.topic(name)
      if (topic !== undefined) topicIds.add(topic.topicId)
    }
    return topicIds
  }
}

export function preferredAssignor(members: Iterable<Subscription>, configured: readonly string[]): string {
  const votes = new Map(configured.filter((name) => ASSIGNORS.has(name)).map((name) => [name, 0]))
  for (const { serverAssignor } of members) {
    const count = serverAssignor === null ? undefined : votes.get(serverAssignor)
    if (count !== undefined) votes.set(serverAssignor!, count + 1)
  }
  let chosen = 'uniform'
  let most = -1
  for (const [name, count] of votes) {
    if (count <= most) continue
    chosen = name
    most = count
  }
  return chosen
}

function* regexesOf(members: Iterable<Subscription>): Iterable<string> {
  const seen = new Set<string>()
  for (const { topicRegex } of members) {
    if (topicRegex === null || topicRegex === '' || seen.has(topicRegex)) continue
    seen.add(topicRegex)
    yield topicRegex
  }
}
