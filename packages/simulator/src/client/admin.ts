import {
  CreatePartitionsRequest,
  CreatePartitionsResponse,
  CreateTopicsRequest,
  CreateTopicsResponse,
  DeleteRecordsRequest,
  DeleteRecordsResponse,
  DeleteTopicsRequest,
  DeleteTopicsResponse,
  ErrorCode,
  errorName,
  MetadataRequest,
  MetadataResponse,
} from '@ottla/protocol'
import type { SeededRandom, SimMachine } from '@ottla/runtime/sim'
import type { PartitionLedger, TopicLedger } from '../check/ledger.ts'
import type { TopicPlan } from '../options.ts'
import type { World } from '../world.ts'
import { Link } from './link.ts'

const TIMEOUT_MS = 3_000
const CHURN_NAMES = 3
const CHURN_LIVE_MAX = 2
const PARTITIONS_MAX = 4

/** Creates, grows and deletes topics, and deletes records. */
export class Admin {
  private readonly world: World
  private readonly random: SeededRandom
  private readonly link: Link
  private started = false

  constructor(world: World, machine: SimMachine, number: number) {
    this.world = world
    this.random = world.random(`client/${number}`)
    this.link = new Link(
      world,
      machine.start(),
      `c${number}`,
      () => {},
      () => {},
    )
  }

  /** Begins to do things by itself. */
  start(): void {
    if (this.started) return
    this.started = true
    this.tick()
  }

  private tick(): void {
    if (this.link.up && this.link.inFlight === 0) this.act()
    this.link.runtime.timers.setTimer(() => this.tick(), this.random.between(150, 900))
  }

  private act(): void {
    const { world, random } = this
    if (world.phase === 'liveness') return
    if (world.options.churn && random.chance(0.6)) {
      this.churn()
      return
    }
    const live = world.livePartitions()
    if (live.length > 0 && random.chance(0.3)) this.deleteRecords(live[random.below(live.length)])
  }

  // ---- topics

  create(plan: TopicPlan): TopicLedger {
    const topic = this.world.newTopic(plan)
    const whenUp = (): void => {
      if (this.link.up) this.sendCreate(topic)
      else this.link.runtime.timers.setTimer(whenUp, 20)
    }
    whenUp()
    return topic
  }

  private sendCreate(topic: TopicLedger): void {
    const { plan } = topic
    const set = (name: string, value: number): { name: string; value: string }[] =>
      Number.isFinite(value) ? [{ name, value: String(value) }] : []
    const configs = [
      ...set('segment.bytes', plan.segmentBytes),
      ...set('index.interval.bytes', plan.indexIntervalBytes),
      ...set('flush.messages', plan.flushMessages),
      ...set('flush.ms', plan.flushMs),
      ...set('retention.bytes', plan.retentionBytes),
      { name: 'retention.ms', value: Number.isFinite(plan.retentionMs) ? String(plan.retentionMs) : '-1' },
      ...set('file.delete.delay.ms', 500),
      { name: 'message.timestamp.type', value: plan.logAppendTime ? 'LogAppendTime' : 'CreateTime' },
      { name: 'preallocate', value: String(plan.preallocate) },
    ]
    const body = {
      topics: [{ name: plan.name, numPartitions: plan.partitions, replicationFactor: 1, configs }],
      timeoutMs: TIMEOUT_MS,
    }
    this.link.request(CreateTopicsRequest, CreateTopicsResponse, 7, body, TIMEOUT_MS, (answer) => {
      if (answer === null) return
      const { errorCode, topicId, errorMessage } = answer.topics[0]
      if (errorCode !== ErrorCode.NONE) {
        this.world.say(`topic ${plan.name} was not created: ${errorName(errorCode)} ${errorMessage ?? ''}`)
        // It may stand in the metadata without a log: whatever it is, nobody uses it.
        topic.state = 'refused'
        if (this.world.phase === 'setup')
          this.world.checks.fail(
            'C3',
            `topic ${plan.name} can be created`,
            `${errorName(errorCode)} ${errorMessage ?? ''}`,
          )
        return
      }
      this.created(topic, topicId)
    })
  }

  private created(topic: TopicLedger, topicId: string): void {
    const { checks, tally } = this.world
    checks.met('C3')
    if (topic.topicId !== '' && topic.topicId !== topicId)
      checks.fail(
        'C3',
        `topic ${topic.plan.name} has the id ${topic.topicId}`,
        `its creation is answered with ${topicId}`,
      )
    topic.topicId = topicId
    topic.state = 'live'
    topic.partitionsAcked = topic.plan.partitions
    tally.asked++
    this.world.say(`topic ${topic.plan.name} created, id ${topicId}`)
  }

  private churn(): void {
    const { world, random } = this
    const unclear = world.topics.find(({ state }) => state === 'creating' || state === 'deleting')
    if (unclear !== undefined && random.chance(0.5)) {
      this.askAbout(unclear)
      return
    }
    const mine = world.topics.filter(({ plan, state }) => plan.name.startsWith('x') && state === 'live')
    if (mine.length < CHURN_LIVE_MAX) {
      const name = `x${random.below(CHURN_NAMES)}`
      // The name of a topic of which it is not clear whether it exists is not used again.
      if (world.topics.some(({ plan, state }) => plan.name === name && state !== 'deleted')) return
      this.sendCreate(world.newTopic(this.drawPlan(name)))
      return
    }
    const topic = mine[random.below(mine.length)]
    if (random.chance(0.5) && topic.partitionsAcked < PARTITIONS_MAX) this.grow(topic)
    else this.delete(topic)
  }

  private drawPlan(name: string): TopicPlan {
    const { random } = this
    return {
      name,
      partitions: 1 + random.below(2),
      segmentBytes: 4096,
      indexIntervalBytes: 256,
      flushMessages: random.chance(0.5) ? 1 : Number.POSITIVE_INFINITY,
      flushMs: Number.POSITIVE_INFINITY,
      retentionBytes: Number.POSITIVE_INFINITY,
      retentionMs: Number.POSITIVE_INFINITY,
      logAppendTime: false,
      preallocate: false,
    }
  }

  private grow(topic: TopicLedger): void {
    const count = topic.partitionsAcked + 1
    topic.partitionsAsked = Math.max(topic.partitionsAsked, count)
    const body = {
      topics: [{ name: topic.plan.name, count, assignments: null }],
      timeoutMs: TIMEOUT_MS,
      validateOnly: false,
    }
    this.link.request(CreatePartitionsRequest, CreatePartitionsResponse, 3, body, TIMEOUT_MS, (answer) => {
      if (answer === null) return
      const { errorCode } = answer.results[0]
      if (errorCode !== ErrorCode.NONE) return
      topic.partitionsAcked = Math.max(topic.partitionsAcked, count)
      this.world.tally.asked++
      this.world.say(`topic ${topic.plan.name} has ${count} partitions`)
    })
  }

  private delete(topic: TopicLedger): void {
    topic.state = 'deleting'
    const body = { topics: [{ name: null, topicId: topic.topicId }], timeoutMs: TIMEOUT_MS }
    this.link.request(DeleteTopicsRequest, DeleteTopicsResponse, 6, body, TIMEOUT_MS, (answer) => {
      const errorCode = answer?.responses[0].errorCode
      if (errorCode !== ErrorCode.NONE && errorCode !== ErrorCode.UNKNOWN_TOPIC_ID) return
      topic.state = 'deleted'
      this.world.tally.asked++
      this.world.say(`topic ${topic.plan.name} deleted, id ${topic.topicId}`)
    })
  }

  /** A creation or deletion was not answered. */
  private askAbout(topic: TopicLedger): void {
    if (topic.state === 'deleting') {
      this.delete(topic)
      return
    }
    const body = { topics: [{ name: topic.plan.name }], allowAutoTopicCreation: false }
    this.link.request(MetadataRequest, MetadataResponse, 12, body, TIMEOUT_MS, (answer) => {
      if (answer === null) return
      const [found] = answer.topics
      if (found.errorCode === ErrorCode.NONE && topic.state === 'creating') this.created(topic, found.topicId)
    })
  }

  // ---- records

  private deleteRecords(ledger: PartitionLedger): void {
    const { highWatermark, logStartOffset, lossCount } = ledger
    const all = this.random.chance(0.15)
    const offset = all ? -1 : logStartOffset + this.random.below(Math.max(1, highWatermark - logStartOffset + 1))
    const askedBefore = ledger.deleteAskedTo
    ledger.deleteAskedTo = Math.max(askedBefore, all ? Number.POSITIVE_INFINITY : offset)
    const body = {
      topics: [{ name: ledger.topic.plan.name, partitions: [{ partitionIndex: ledger.index, offset }] }],
      timeoutMs: TIMEOUT_MS,
    }
    this.link.request(DeleteRecordsRequest, DeleteRecordsResponse, 2, body, TIMEOUT_MS, (answer) => {
      if (answer === null || ledger.topic.state !== 'live') return
      const { errorCode, lowWatermark } = answer.topics[0].partitions[0]
      if (errorCode !== ErrorCode.NONE || ledger.lossCount !== lossCount) return
      if (all) ledger.deleteAskedTo = Math.max(askedBefore, lowWatermark)
      const { checks } = this.world
      checks.met('L9')
      if (lowWatermark < (all ? highWatermark : offset))
        checks.fail(
          'L9',
          `records of ${ledger.name} below ${all ? highWatermark : offset} are deleted`,
          `the log starts at ${lowWatermark}`,
        )
      ledger.deletedTo = Math.max(ledger.deletedTo, lowWatermark)
      this.world.tally.asked++
      if (this.world.tracing) this.world.say(`records of ${ledger.name} deleted below ${lowWatermark}`)
    })
  }
}
