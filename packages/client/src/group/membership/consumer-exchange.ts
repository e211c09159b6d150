import { backOffMs } from '@ottla/net'
import type { Random } from '@ottla/runtime'
import { consumerGroupHeartbeatApi } from '../../apis.ts'
import type { Cluster } from '../../cluster/cluster.ts'
import type { Assignment } from '../assignors/assignor.ts'
import type { CoordinatorLink } from '../coordinator-link.ts'
import type { GroupSettings } from '../options.ts'
import type { Subscription } from '../subscription.ts'
import { type ConsumerAnswer, type ConsumerAsk, ConsumerMembership } from './consumer.ts'
import type { Partitions } from './events.ts'
import type { Exchange, NamedAssignment } from './exchange.ts'

const UNCHANGED = -1

/** ConsumerGroupHeartbeat, and the ids and names of topics. */
export class ConsumerExchange implements Exchange<ConsumerAsk, ConsumerAnswer> {
  readonly machine: ConsumerMembership
  readonly #cluster: Cluster
  readonly #settings: GroupSettings
  readonly #link: CoordinatorLink
  readonly #memberId: string
  #subscription: Subscription
  /** Of the topics that the reader has partitions of. A topic that is made anew under its name has another. */
  #ids: ReadonlyMap<string, string> = new Map()

  constructor(cluster: Cluster, settings: GroupSettings, link: CoordinatorLink) {
    const { random } = cluster.deps
    this.#cluster = cluster
    this.#settings = settings
    this.#link = link
    this.#subscription = settings.subscription
    this.#memberId = randomId(random)
    this.machine = new ConsumerMembership({
      memberId: this.#memberId,
      isStatic: settings.instanceId !== null,
      joinTimeoutMs: cluster.settings.apiTimeoutMs,
      waitMs: (failures) => backOffMs(failures - 1, random, cluster.settings.backOff),
    })
  }

  async perform({ epoch, isFull, subscribes, owned }: ConsumerAsk): Promise<ConsumerAnswer> {
    const { group, instanceId, rackId, maxPollIntervalMs, groupRemoteAssignor } = this.#settings
    const response = await this.#link.ask(
      consumerGroupHeartbeatApi,
      () => ({
        groupId: group,
        memberId: this.#memberId,
        memberEpoch: epoch,
        instanceId,
        rackId: isFull ? rackId : null,
        rebalanceTimeoutMs: isFull ? maxPollIntervalMs : UNCHANGED,
        ...(subscribes ? this.#subscribed() : {}),
        serverAssignor: isFull ? groupRemoteAssignor : null,
        topicPartitions:
          owned === null ? null : [...owned].map(([topicId, partitions]) => ({ topicId, partitions: [...partitions] })),
      }),
      { errorOf: ({ errorCode }) => errorCode, detailOf: ({ errorMessage }) => errorMessage },
    )
    const assigned = response.assignment?.topicPartitions
    return {
      epoch: response.memberEpoch,
      heartbeatIntervalMs: response.heartbeatIntervalMs,
      assignment:
        assigned === undefined ? null : new Map(assigned.map(({ topicId, partitions }) => [topicId, partitions])),
    }
  }

  /** Both, for the one replaces the other. */
  #subscribed() {
    const subscription = this.#subscription
    return 'pattern' in subscription
      ? { subscribedTopicNames: [], subscribedTopicRegex: subscription.pattern }
      : { subscribedTopicNames: [...new Set(subscription.topics)], subscribedTopicRegex: '' }
  }

  async name(assignment: Partitions, owned: Assignment): Promise<NamedAssignment> {
    const names = await this.#cluster.metadata.namesOf([...assignment.keys()])
    const named = new Map<string, readonly number[]>()
    const ids = new Map<string, string>()
    let isIncomplete = false
    for (const [topicId, partitions] of assignment) {
      const topic = names.get(topicId)
      const isOther = topic !== undefined && owned.has(topic) && this.#ids.get(topic) !== topicId
      if (topic === undefined || isOther) isIncomplete = true
      else {
        named.set(topic, partitions)
        ids.set(topic, topicId)
      }
    }
    // What is still held goes by the id that it had.
    this.#ids = new Map([...[...this.#ids].filter(([topic]) => owned.has(topic)), ...ids])
    return { assignment: named, isIncomplete }
  }

  unname(owned: Assignment): Partitions {
    return new Map([...owned].map(([topic, partitions]) => [this.#ids.get(topic) as string, partitions]))
  }

  subscribe(subscription: Subscription): void {
    this.#subscription = subscription
  }

  /** It is the coordinator who sees to that. */
  haveTopicsChanged(): boolean {
    return false
  }

  close(): void {}
}

/** 128 random bits, as Kafka's clients name themselves. */
function randomId(random: Random): string {
  const bytes = Buffer.alloc(16)
  for (let at = 0; at < bytes.length; at += 4) bytes.writeUInt32LE(random.uint32(), at)
  return bytes.toString('base64url')
}
