import {
  CreateTopicsRequest,
  CreateTopicsResponse,
  ErrorCode,
  FindCoordinatorRequest,
  FindCoordinatorResponse,
  MetadataRequest,
  MetadataResponse,
} from '@ottla/protocol'
import { GroupLedger } from '../check/group-ledger.ts'
import { PipelineLedger } from '../check/pipeline-ledger.ts'
import { TransactionLedger } from '../check/transaction-ledger.ts'
import { Link } from '../client/link.ts'
import { ClassicMember } from '../group/classic-member.ts'
import { ModernMember } from '../group/modern-member.ts'
import { OffsetObserver } from '../group/observer.ts'
import { nameOf } from '../group/offsets.ts'
import type { GroupPlan, ShippedClients } from '../options.ts'
import { Feeder, INPUT_TOPIC } from '../shipped/feeder.ts'
import { Follower } from '../shipped/follower.ts'
import type { ShippedProcess } from '../shipped/shipped-process.ts'
import { OUTPUT_TOPIC, Transformer } from '../shipped/transformer.ts'
import { CommittedReader } from '../transaction/committed-reader.ts'
import { TRANSACTION_TOPIC, TransactionalClient } from '../transaction/transactional-client.ts'
import type { World } from '../world.ts'
import type { Goal, Workload } from './workload.ts'

const TIMEOUT_MS = 3_000
const COMMITS_WANTED = 5
const SETTLED_MAX_MS = 30_000
const BOUNCE_MS = 100
const PIPELINE_PARTITIONS = 2

/** Members of two groups, transactional clients, readers of what they commit, and somebody who asks for offsets. */
export class GroupWorkload implements Workload {
  private readonly world: World
  private readonly plan: GroupPlan
  private readonly transactions: TransactionLedger
  private readonly topicIds = new Map<string, string>()
  private classic: ClassicMember[] = []
  private modern: ModernMember[] = []
  private clients: TransactionalClient[] = []
  private readers: CommittedReader[] = []
  private observer: OffsetObserver | null = null
  private feeder: Feeder | null = null
  private readonly programs: ShippedProcess[] = []
  private readonly pipeline: PipelineLedger
  private readonly classicLedger: GroupLedger
  private readonly modernLedger: GroupLedger
  private coordinators = 0
  private before: number[] = []
  private generationBefore = -1

  constructor(world: World, plan: GroupPlan) {
    this.world = world
    this.plan = plan
    this.transactions = new TransactionLedger(world.checks)
    this.pipeline = new PipelineLedger(world.checks)
    const names = plan.topics.flatMap(({ name, partitions }) =>
      Array.from({ length: partitions }, (_, index) => nameOf(name, index)),
    )
    this.classicLedger = new GroupLedger('classic', names, world.checks)
    this.modernLedger = new GroupLedger('modern', names, world.checks)
  }

  // ---- before the first client

  setUp(): void {
    const link = new Link(
      this.world,
      this.world.simulation.addMachine('c0').start(),
      'c0',
      () => {
        if (!this.isSetUp) this.createTopics(link)
      },
      () => {},
    )
  }

  get isSetUp(): boolean {
    return this.coordinators === 2
  }

  private createTopics(link: Link): void {
    const topics = [
      ...this.plan.topics,
      { name: TRANSACTION_TOPIC, partitions: this.plan.transactionPartitions },
      ...[INPUT_TOPIC, OUTPUT_TOPIC].map((name) => ({ name, partitions: PIPELINE_PARTITIONS })),
    ]
    const body = {
      topics: topics.map(({ name, partitions }) => ({ name, numPartitions: partitions, replicationFactor: 1 })),
      timeoutMs: TIMEOUT_MS,
    }
    link.request(CreateTopicsRequest, CreateTopicsResponse, 5, body, TIMEOUT_MS, (answer) => {
      if (answer !== null) this.learnIds(link)
    })
  }

  private learnIds(link: Link): void {
    const body = { topics: this.plan.topics.map(({ name }) => ({ name })), allowAutoTopicCreation: false }
    link.request(MetadataRequest, MetadataResponse, 12, body, TIMEOUT_MS, (answer) => {
      for (const { name, topicId } of answer?.topics ?? []) this.topicIds.set(name!, topicId)
      for (const keyType of [0, 1]) this.findCoordinator(link, keyType)
    })
  }

  /** Makes the internal topics. */
  private findCoordinator(link: Link, keyType: number): void {
    const body = { keyType, key: 'any' }
    link.request(FindCoordinatorRequest, FindCoordinatorResponse, 3, body, TIMEOUT_MS, (answer) => {
      if (answer?.errorCode === ErrorCode.NONE) this.coordinators++
      else link.runtime.timers.setTimer(() => this.findCoordinator(link, keyType), 100)
    })
  }

  // ---- the clients

  startClients(): string[] {
    const { world, plan } = this
    const names: string[] = []
    const make = <C>(
      count: number,
      one: (machine: ReturnType<typeof world.simulation.addMachine>, number: number, i: number) => C,
    ): C[] =>
      Array.from({ length: count }, (_, i) => {
        const number = names.push(`c${names.length + 1}`)
        return one(world.simulation.addMachine(`c${number}`), number, i)
      })
    this.classic = make(
      plan.classicMembers.length,
      (machine, number, i) =>
        new ClassicMember(world, machine, number, this.classicLedger, plan, plan.classicMembers[i]),
    )
    this.modern = make(
      plan.modernMembers,
      (machine, number) => new ModernMember(world, machine, number, this.modernLedger, plan, this.topicIds),
    )
    const ledgers = [this.classicLedger, this.modernLedger]
    const topic = plan.topics[0].name
    this.clients = make(plan.transactionalClients, (machine, number) => {
      const ledger = new GroupLedger(`of-tx${number}`, [nameOf(topic, 0)], world.checks)
      ledgers.push(ledger)
      const target = { groupId: ledger.groupId, topic, offset: ledger.offsets.get(nameOf(topic, 0))! }
      return new TransactionalClient(world, machine, number, this.transactions, plan, target)
    })
    this.readers = make(
      plan.readers,
      (machine, number) =>
        new CommittedReader(
          world,
          machine,
          number,
          TRANSACTION_TOPIC,
          plan.transactionPartitions,
          (reader, partition, offset, value) =>
            this.transactions.read(reader, partition, offset, {
              transaction: value.readUInt32BE(0),
              index: value.readUInt32BE(4),
            }),
        ),
    )
    ;[this.observer] = make(1, (machine, number) => new OffsetObserver(world, machine, number, ledgers))
    if (plan.shipped !== null) names.push(...this.startShipped(plan.shipped, names.length))
    return names
  }

  /** Programs over the client that we ship. */
  private startShipped({ transformers, followers, options }: ShippedClients, before: number): string[] {
    const { world, plan } = this
    const names: string[] = []
    const next = (): [ReturnType<typeof world.simulation.addMachine>, number] => {
      const number = before + names.push(`c${before + names.length + 1}`)
      return [world.simulation.addMachine(`c${number}`), number]
    }
    const shipped = { membership: ({ sessionTimeoutMs }: GroupPlan) => membershipOf(options, sessionTimeoutMs) }
    this.feeder = new Feeder(world, ...next(), this.pipeline)
    this.feeder.start()
    for (let i = 0; i < transformers; i++) this.programs.push(new Transformer(world, ...next(), plan, shipped))
    for (let i = 0; i < followers; i++) this.programs.push(new Follower(world, ...next(), plan, shipped, this.pipeline))
    for (const program of this.programs) program.start()
    const [machine, number] = next()
    const outputs = new CommittedReader(
      world,
      machine,
      number,
      OUTPUT_TOPIC,
      PIPELINE_PARTITIONS,
      (reader, partition, offset, value) => this.pipeline.output(String(value), `${partition}@${offset}`, reader),
    )
    this.readers.push(outputs)
    return names
  }

  begin(): void {
    for (const program of this.programs) program.haunt()
  }

  // ---- what must come true

  /** Members that are meant to be there are in one generation, and have everything between them. */
  private get classicIsStable(): boolean {
    const members = this.classic.filter(({ isGone }) => !isGone)
    if (members.length === 0) return true
    const [{ generation }] = members
    return (
      generation >= 0 &&
      members.every((member) => member.generation === generation) &&
      hasAll(members, this.classicLedger)
    )
  }

  private get modernIsStable(): boolean {
    const members = this.modern.filter(({ isGone }) => !isGone)
    return members.length === 0 || (members.every(({ epoch }) => epoch > 0) && hasAll(members, this.modernLedger))
  }

  private readonly standing = (): string =>
    [...this.classic, ...this.modern, ...this.clients, ...this.readers, this.observer]
      .map((client) => client?.standing ?? '')
      .join('; ')

  readonly goals: readonly Goal[] = [
    {
      what: 'both groups are stable, with all their partitions',
      maxMs: SETTLED_MAX_MS,
      start: () => {
        this.world.checks.met('G6')
        // Who had crashed or left comes back by itself.
      },
      reached: () => this.classicIsStable && this.modernIsStable,
      standing: this.standing,
    },
    {
      what: `every client has ${COMMITS_WANTED} further commits`,
      maxMs: SETTLED_MAX_MS,
      start: () => {
        this.before = this.everyone.map(({ commits }) => commits)
      },
      reached: () =>
        this.everyone.every((client, i) => this.isIdle(client) || client.commits >= this.before[i] + COMMITS_WANTED),
      standing: this.standing,
    },
    {
      what: 'a static member that comes back in time is where it was',
      maxMs: SETTLED_MAX_MS,
      start: () => {
        const member = this.classic.find(({ isStatic }) => isStatic)
        if (member === undefined || !this.classicIsStable) return
        this.generationBefore = member.generation
        member.crash()
        this.world.scheduler.schedule(BOUNCE_MS, 'sim/bounce', member.number, 0, () => member.restart())
      },
      reached: () => {
        if (this.generationBefore < 0) return true
        if (!this.classicIsStable) return false
        const [{ generation }] = this.classic
        this.world.checks.met('G7')
        if (generation !== this.generationBefore)
          this.world.checks.fail(
            'G7',
            `the group was in generation ${this.generationBefore} when a static member went for ${BOUNCE_MS} ms`,
            `it is in generation ${generation} now`,
          )
        return true
      },
      standing: this.standing,
    },
    {
      what: 'members that died are out, and what they had is taken over',
      maxMs: SETTLED_MAX_MS,
      start: () => {
        this.world.checks.met('G6')
        for (const members of [this.classic, this.modern]) if (members.length > 1) members[0].vanish()
      },
      reached: () => this.classicIsStable && this.modernIsStable,
      standing: this.standing,
    },
    {
      what: 'every input has become one output, and was worked on',
      maxMs: SETTLED_MAX_MS,
      start: () => {
        if (this.feeder !== null) this.feeder.stopped = true
      },
      reached: () => this.feeder === null || (this.feeder.idle && this.pipeline.isComplete),
      standing: () => this.pipeline.standing,
    },
    {
      what: 'no transaction is open, and everything was read',
      maxMs: SETTLED_MAX_MS,
      start: () => {
        for (const client of this.clients) client.stopped = true
      },
      reached: () => this.clients.every(({ idle }) => idle) && this.readers.every(({ atEnd }) => atEnd),
      standing: this.standing,
    },
    this.everythingIsThere('every offset and every transaction is there'),
  ]

  readonly lastGoals: readonly Goal[] = [
    this.everythingIsThere('every offset and every transaction is there after a restart'),
  ]

  private everythingIsThere(what: string): Goal {
    return {
      what,
      maxMs: SETTLED_MAX_MS,
      start: () => {
        this.observer?.askAll()
        for (const reader of this.readers) reader.startOver()
      },
      reached: () => {
        if (this.observer?.hasAll !== true || !this.readers.every(({ atEnd }) => atEnd)) return false
        this.transactions.checkAtomic()
        return true
      },
      standing: this.standing,
    }
  }

  private get everyone(): (ClassicMember | ModernMember | TransactionalClient)[] {
    return [...this.classic, ...this.modern, ...this.clients]
  }

  /** More members than partitions: some have nothing to commit. */
  private isIdle(client: ClassicMember | ModernMember | TransactionalClient): boolean {
    return !(client instanceof TransactionalClient) && client.owned.length === 0
  }
}

function membershipOf(options: ShippedClients['options'], sessionTimeoutMs: number) {
  const maxPollIntervalMs = 10_000
  return options === 'consumer'
    ? { groupProtocol: 'consumer' as const, maxPollIntervalMs }
    : {
        groupProtocol: 'classic' as const,
        assignors: [options],
        sessionTimeoutMs,
        heartbeatIntervalMs: Math.floor(sessionTimeoutMs / 4),
        maxPollIntervalMs,
      }
}

function hasAll(members: readonly { readonly owned: readonly string[] }[], ledger: GroupLedger): boolean {
  return members.reduce((sum, { owned }) => sum + owned.length, 0) === ledger.partitions.length
}
