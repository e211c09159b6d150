/**
 * A group as the runner sees it: it polls all members at once until what it waits for is so, and holds every record
 * against the rule that a partition goes on where its reader is, or begins again at the committed offset.
 */
import assert from 'node:assert/strict'
import type { JoinRequest, PartitionOffset, PolledRecord } from './contract.ts'
import type { Program } from './program.ts'
import { committedOffset, createTopic, waitForLeaders } from './raw.ts'
import { produceRequest, type ScenarioContext } from './scenarios/scenario.ts'

/** Above what a starved machine makes of ten heartbeats, below what makes a crash tedious. */
const sessionTimeoutMs = 4000
const patienceMs = 45_000

export class Member {
  readonly program: Program
  assigned = new Set<string>()
  lost: string[] = []
  rebalances = 0
  readonly records: PolledRecord[] = []
  /** Where the member goes on, for partitions that it has and has read of. */
  readonly next = new Map<string, number>()
  /** Where it would go on in partitions that it lost: records that it had been given by then may be polled later. */
  readonly late = new Map<string, number>()
  /** What was committed of a partition when the member got it, until it has read of it: a later commit moves nobody. */
  readonly begins = new Map<string, number>()

  constructor(program: Program) {
    this.program = program
  }
}

export class Group {
  readonly name: string
  readonly topics: readonly string[]
  readonly members: Member[] = []
  readonly #context: ScenarioContext
  readonly #options: Partial<JoinRequest>
  readonly #ends = new Map<string, PartitionOffset>()
  #committed = new Map<string, number>()

  constructor(context: ScenarioContext, topics: readonly string[], options: Partial<JoinRequest> = {}) {
    this.#context = context
    this.#options = options
    this.topics = topics
    this.name = context.topic()
  }

  /** Creates the topics and remembers how many partitions there are to read. */
  async create(partitions: number): Promise<void> {
    for (const topic of this.topics) {
      await createTopic(this.#context.broker.port, topic, partitions)
      this.watch(topic, partitions)
    }
  }

  /** Gives the topics more partitions while the members go on. */
  async grow(total: number): Promise<void> {
    const { broker, helper } = this.#context
    for (const topic of this.topics) {
      await helper.ask<'createPartitions'>(broker.bootstrap, { op: 'createPartitions', topic, total })
      await waitForLeaders(broker.port, topic, total)
      this.watch(topic, total)
    }
  }

  /** Remembers partitions that are to be read from now on. */
  watch(topic: string, partitions: number, end = 0): void {
    for (let partition = 0; partition < partitions; partition++) {
      const name = `${topic}-${partition}`
      if (!this.#ends.has(name)) this.#ends.set(name, { topic, partition, offset: end })
    }
  }

  /** Writes so many records to each partition. */
  async produce(count: number): Promise<void> {
    const { broker, helper } = this.#context
    for (const one of this.#ends.values()) {
      const records = Array.from({ length: count }, (_, i) => ({ key: null, value: `${one.offset + i}` }))
      const request = produceRequest(one.topic, records, { partition: one.partition })
      await helper.ask<'produce'>(broker.bootstrap, request)
      one.offset += count
    }
  }

  async join(options: Partial<JoinRequest> = {}): Promise<Member> {
    const { broker, crew } = this.#context
    const member = new Member(crew.take())
    const request: JoinRequest = {
      op: 'join',
      group: this.name,
      topics: [...this.topics],
      pattern: null,
      protocol: 'classic',
      assignor: 'eager',
      instanceId: null,
      sessionTimeoutMs,
      autoCommitMs: crew.commitsByItself ? 100 : null,
      isolation: 'read_uncommitted',
      maxPollRecords: 500,
      transactionalId: null,
      ...this.#options,
      ...options,
    }
    await member.program.ask<'join'>(broker.bootstrap, request)
    this.members.push(member)
    return member
  }

  async leave(member: Member): Promise<void> {
    this.members.splice(this.members.indexOf(member), 1)
    await member.program.ask<'leave'>('', { op: 'leave' })
    this.#context.crew.giveBack(member.program)
    if (this.#context.crew.commitsByItself) await this.readCommitted()
  }

  async crash(member: Member): Promise<void> {
    this.members.splice(this.members.indexOf(member), 1)
    await this.#context.crew.kill(member.program)
    if (this.#context.crew.commitsByItself) await this.readCommitted()
  }

  /** Polls every member once. */
  async poll(): Promise<void> {
    await Promise.all(this.members.map((member) => this.#pollOne(member)))
  }

  async #pollOne(member: Member): Promise<void> {
    const answer = await member.program.ask<'poll'>('', { op: 'poll' })
    for (const record of answer.records) {
      const name = `${record.topic}-${record.partition}`
      const next = member.next.get(name)
      const committed = this.#committed.get(name) ?? 0
      // What commits by itself may have done so after the runner looked.
      const restarts = this.#context.crew.commitsByItself ? record.offset >= committed : record.offset === committed
      const allowed = [next, member.late.get(name), member.begins.get(name)]
      assert.ok(
        allowed.includes(record.offset) || restarts || !this.#ends.has(name),
        `${name}: offset ${record.offset} where ${next ?? 'nothing'} was next and ${committed} is committed`,
      )
      // Only what this group wrote has its offset for a value.
      if (this.#ends.has(name))
        assert.equal(record.value, `${record.offset}`, `the value at ${record.offset} of ${name}`)
      member.next.set(name, record.offset + 1)
      member.late.delete(name)
      member.begins.delete(name)
      member.records.push(record)
    }
    const had = member.assigned
    const lost = new Set(answer.lost.slice(member.lost.length))
    member.assigned = new Set(answer.assigned)
    member.lost = answer.lost
    member.rebalances = answer.rebalances
    for (const name of member.assigned) {
      if (!had.has(name)) member.late.delete(name)
      // A client that lost it and has it again since the last poll may go on or begin again.
      if (!had.has(name) || lost.has(name)) member.begins.set(name, this.#committed.get(name) ?? 0)
    }
    for (const name of member.next.keys()) {
      // Some clients give the first records before they say that they have the partition.
      if (had.has(name) && !member.assigned.has(name)) {
        member.late.set(name, member.next.get(name)!)
        member.next.delete(name)
      }
    }
  }

  async until(what: string, good: () => boolean | Promise<boolean>): Promise<void> {
    for (const until = performance.now() + patienceMs; ; ) {
      await this.poll()
      if (await good()) return
      if (performance.now() > until) {
        const seen = this.members.map((member) => `[${[...member.assigned].sort().join(' ')}]`).join(' ')
        assert.fail(`not within ${patienceMs} ms: ${what}; members hold ${seen}`)
      }
    }
  }

  /** Each partition belongs to one member, and so many members have some. */
  async balanced(owners = this.members.length): Promise<void> {
    const balanced = () => {
      const held = this.members.flatMap((member) => [...member.assigned])
      const some = this.members.filter((member) => member.assigned.size > 0).length
      return held.length === this.#ends.size && new Set(held).size === held.length && some === owners
    }
    await this.until(`${this.#ends.size} partitions on ${owners} of ${this.members.length} members`, balanced)
  }

  /** Every partition's owner has read to its end. */
  async readAll(): Promise<void> {
    const read = async () => {
      if (this.#context.crew.commitsByItself) await this.readCommitted()
      return [...this.#ends].every(([name, { offset }]) => {
        const owner = this.members.find((member) => member.assigned.has(name))
        return owner !== undefined && (owner.next.get(name) ?? this.#committed.get(name)) === offset
      })
    }
    await this.until('everything read', read)
  }

  /** Commits all but the last `short` records of each partition. */
  async commit(short = 0): Promise<void> {
    if (this.#context.crew.commitsByItself) {
      await this.until('committed by itself', () => this.allCommitted())
      await this.readCommitted()
      return
    }
    for (const member of this.members) {
      const mine = [...this.#ends].filter(([name]) => member.assigned.has(name))
      if (mine.length === 0) continue
      const offsets = mine.map(([, one]) => ({ ...one, offset: one.offset - short }))
      await member.program.ask<'commit'>('', { op: 'commit', offsets, async: false })
    }
    await this.readCommitted()
    for (const [name, { offset }] of this.#ends) {
      assert.equal(this.#committed.get(name), offset - short, `the committed offset of ${name}`)
    }
  }

  /** What is committed for that partition of the first topic, as it was when last asked. */
  committedOf(partition: number): number {
    return this.#committed.get(`${this.topics[0]}-${partition}`) ?? 0
  }

  async allCommitted(): Promise<boolean> {
    await this.readCommitted()
    return [...this.#ends].every(([name, { offset }]) => this.#committed.get(name) === offset)
  }

  /** Asks the broker what the group has committed. */
  async readCommitted(): Promise<void> {
    const committed = new Map<string, number>()
    for (const [name, { topic, partition }] of this.#ends) {
      committed.set(name, Math.max(0, await committedOffset(this.#context.broker.port, this.name, topic, partition)))
    }
    this.#committed = committed
  }
}
