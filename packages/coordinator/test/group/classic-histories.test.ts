/**
 * Random histories of members that come, go, stall and commit, of failed and lost appends and of reloads, judged by what the
 * members were told: G1 to G3, G6 and G7 of the reliability programme; and after every step a coordinator that starts anew knows
 * what was committed, no more and no less.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ErrorCode } from '@ottla/protocol'
import { GroupBench, type Joined, PARTITION, type Pending } from '../support/group-bench.ts'
import { Seeded } from '../support/seeded.ts'

const SEEDS = 120
const STEPS = 400
const PARTITIONS = 6
const SESSION_MS = 10_000
const REBALANCE_MS = 20_000

class Member {
  memberId = ''
  readonly instanceId: string | null
  generation = -1
  leads = false
  others: readonly string[] = []
  joining: Pending<Joined> | null = null
  syncing: Pending<{ errorCode: number; assignment: string }> | null = null
  /** Partitions, while it may believe that they are its own. */
  owned: readonly number[] | null = null

  constructor(instanceId: string | null) {
    this.instanceId = instanceId
  }

  get isIdle(): boolean {
    return this.joining === null && this.syncing === null
  }

  restart(): void {
    this.memberId = ''
    this.generation = -1
    this.joining = null
    this.syncing = null
    this.owned = null
  }
}

class History {
  readonly bench = new GroupBench()
  readonly random: Seeded
  readonly members: Member[]
  /** By generation: who was told what. */
  readonly told = new Map<number, Map<string, readonly number[]>>()
  newest = 0
  /** Every commit that was answered NONE, in order of the answers; and what is not answered yet. */
  readonly model = new Map<string, number>()
  readonly open: {
    readonly place: string
    readonly offset: number
    readonly reply: Pending<number[]>
    readonly isStale: boolean
  }[] = []
  next = 0
  acknowledged = 0

  constructor(seed: number) {
    this.random = new Seeded(seed)
    this.members = [null, null, null, 'i1', 'i2'].map((instanceId) => new Member(instanceId))
    this.bench.config.initialRebalanceDelayMs = this.random.pick([0, 3000])
  }

  step(): void {
    const { random, bench } = this
    const member = random.pick(this.members)
    const roll = random.below(300)
    // Mostly a member does as it should.
    if (roll >= 100) this.goOn(member)
    else if (roll < 30) this.join(member)
    else if (roll < 45) this.sync(member)
    else if (roll < 58) this.heartbeat(member)
    else if (roll < 73) this.commit(member)
    else if (roll < 78) this.leave(member)
    else if (roll < 81) member.restart()
    else if (roll < 90) bench.host.advance(random.pick([1, 500, 3000, SESSION_MS / 2]))
    else if (roll < 92) bench.host.advance(random.pick([SESSION_MS, REBALANCE_MS]))
    else if (roll < 94)
      bench.host.appendError = random.pick([ErrorCode.KAFKA_STORAGE_ERROR, ErrorCode.NOT_ENOUGH_REPLICAS])
    else if (roll < 97) bench.host.commitsAtOnce = !bench.host.commitsAtOnce
    else if (roll < 98) bench.host.lose(PARTITION, ErrorCode.KAFKA_STORAGE_ERROR)
    else if (roll < 99) this.reload()
    if (random.chance(60)) bench.host.appendError = 0
    if (random.chance(40)) bench.host.commit(PARTITION)
    this.settle()
  }

  goOn(member: Member): void {
    if (!member.isIdle) return
    if (member.owned !== null) this.commit(member)
    else if (member.generation >= 0) this.sync(member)
    else this.join(member)
  }

  join(member: Member): void {
    if (member.syncing !== null) return
    const { memberId, instanceId } = member
    const version = instanceId === null && memberId === '' && this.random.chance(30) ? 3 : 9
    const options = { memberId, instanceId, version, sessionTimeoutMs: SESSION_MS, rebalanceTimeoutMs: REBALANCE_MS }
    // Eager: whoever joins has given up what it had.
    member.owned = null
    member.joining = this.bench.join(options)
  }

  sync(member: Member): void {
    if (member.generation < 0 || !member.isIdle) return
    const assignments = Object.fromEntries(
      member.leads ? member.others.map((id, i) => [id, share(i, member.others.length).join(' ')]) : [],
    )
    const { memberId, generation } = member
    member.syncing = this.bench.sync(memberId, generation, assignments, { instanceId: member.instanceId ?? undefined })
  }

  heartbeat(member: Member): void {
    if (member.memberId === '') return
    this.learn(member, this.bench.heartbeat(member.memberId, member.generation, member.instanceId))
  }

  commit(member: Member): void {
    if (member.generation < 1) return
    const place = `t-${this.random.below(PARTITIONS)}`
    const offset = this.next++
    // Now and then by what the member was a generation ago, as from a thread that has not noticed.
    const generation = member.generation - (this.random.chance(10) ? 1 : 0)
    const { memberId } = member
    const reply = this.bench.commit(
      { [place]: offset },
      { memberId, generation, instanceId: member.instanceId ?? undefined },
    )
    this.open.push({ place, offset, reply, isStale: generation !== this.newest })
  }

  leave(member: Member): void {
    if (member.memberId === '') return
    this.bench.leave({ memberId: member.memberId, instanceId: member.instanceId ?? undefined })
    member.restart()
  }

  reload(): void {
    // What was not committed is gone with the coordinator.
    this.bench.host.lose(PARTITION, ErrorCode.NOT_LEADER_OR_FOLLOWER)
    this.bench.load()
    // A generation that nobody had an assignment of is one that has not been.
    this.newest = this.bench.machine!.classic.stored.get('g')?.generation ?? 0
  }

  learn(member: Member, code: number): void {
    const isOut =
      code === ErrorCode.UNKNOWN_MEMBER_ID ||
      code === ErrorCode.ILLEGAL_GENERATION ||
      code === ErrorCode.FENCED_INSTANCE_ID
    if (isOut) member.restart()
  }

  /** No assignment: it joins again, as whom it may. */
  refused(member: Member, code: number): void {
    this.learn(member, code)
    member.generation = -1
  }

  /** Takes in what has been answered meanwhile. */
  settle(): void {
    for (const member of this.members) {
      const joined = member.joining?.reply ?? null
      if (joined !== null) {
        member.joining = null
        if (joined.errorCode === ErrorCode.MEMBER_ID_REQUIRED) member.memberId = joined.memberId
        else if (joined.errorCode === ErrorCode.NONE) this.joined(member, joined)
        else this.learn(member, joined.errorCode)
      }
      const synced = member.syncing?.reply ?? null
      if (synced !== null) {
        member.syncing = null
        if (synced.errorCode === ErrorCode.NONE) this.assigned(member, synced.assignment)
        else this.refused(member, synced.errorCode)
      }
    }
    for (let i = 0; i < this.open.length; ) {
      const { place, offset, reply, isStale } = this.open[i]
      if (reply.reply === null) {
        i++
        continue
      }
      this.open.splice(i, 1)
      if (reply.reply[0] !== ErrorCode.NONE) continue
      assert.equal(isStale, false, 'G2: a commit was taken of a generation that was over')
      this.model.set(place, offset)
      this.acknowledged++
    }
    assert.deepEqual(this.bench.host.bugs, [])
  }

  joined(member: Member, reply: Joined): void {
    member.memberId = reply.memberId
    member.generation = reply.generationId
    member.leads = reply.leader === reply.memberId && !reply.skipAssignment
    member.others = reply.members.map(({ memberId }) => memberId)
    this.newest = Math.max(this.newest, reply.generationId)
  }

  assigned(member: Member, assignment: string): void {
    const partitions = assignment === '' ? [] : assignment.split(' ').map(Number)
    member.owned = partitions
    const told = this.told.get(member.generation) ?? new Map<string, readonly number[]>()
    this.told.set(member.generation, told)
    const who = member.instanceId ?? member.memberId
    told.set(who, partitions)
    const all = [...told.values()].flat()
    assert.equal(
      new Set(all).size,
      all.length,
      `G1: two members of generation ${member.generation} have the same partition`,
    )
  }

  /** A coordinator that starts anew, beside the one that runs. */
  checkReplay(): void {
    const { bench } = this
    const fresh = new GroupBench()
    bench.host.feed(PARTITION, fresh.runtime.load(PARTITION))
    assert.deepEqual(committedState(fresh), committedState(bench))
  }

  /** G3: the last commit that was acknowledged; what is not answered may be there or not. */
  checkOffsets(): void {
    if (this.open.length > 0) return
    assert.deepEqual(this.bench.offsets('g', null), Object.fromEntries(this.model))
  }

  /** G6: no more faults, and all who are alive do as they should. */
  checkLiveness(): void {
    const { bench } = this
    bench.host.commitsAtOnce = true
    bench.host.appendError = 0
    bench.host.commit(PARTITION)
    this.settle()
    for (let second = 0; second < (REBALANCE_MS + SESSION_MS) / 1000 + 10; second++) {
      for (const member of this.members) {
        if (member.joining !== null) continue
        if (member.syncing !== null) continue
        if (member.owned === null && member.generation >= 0 && member.generation === this.newest) this.sync(member)
        else if (member.owned === null) this.join(member)
        else {
          const code = bench.heartbeat(member.memberId, member.generation, member.instanceId)
          if (code === ErrorCode.REBALANCE_IN_PROGRESS) this.join(member)
          else this.learn(member, code)
        }
        this.settle()
      }
      bench.host.advance(1000)
      this.settle()
    }
    assert.equal(bench.state(), 'Stable', 'G6: the group comes to rest')
    const all = this.members.flatMap(({ owned }) => owned ?? []).sort()
    assert.deepEqual(all, [0, 1, 2, 3, 4, 5], 'G1: every partition has one owner')
  }
}

function share(index: number, of: number): number[] {
  return Array.from({ length: PARTITIONS }, (_, p) => p).filter((p) => p % of === index)
}

/** What a shard has that is committed. */
function committedState(bench: GroupBench): unknown {
  const machine = bench.machine!
  const groups = [...machine.classic.stored.committedEntries()].sort()
  const offsets = [...machine.offsets.groups()]
    .sort()
    .map((group) => [
      group,
      [...machine.offsets.topicsOf(group)].map(([topic, partitions]) => [topic, [...partitions].sort()]).sort(),
    ])
  return { groups, offsets }
}

test(`${SEEDS} histories of ${STEPS} steps`, () => {
  let generations = 0
  let commits = 0
  for (let seed = 1; seed <= SEEDS; seed++) {
    const history = new History(seed)
    try {
      for (let step = 0; step < STEPS; step++) {
        history.step()
        history.checkOffsets()
        history.checkReplay()
      }
      history.checkLiveness()
      history.checkReplay()
      history.checkOffsets()
    } catch (error) {
      ;(error as Error).message = `seed ${seed}: ${(error as Error).message}`
      throw error
    }
    generations += history.newest
    commits += history.acknowledged
  }
  // Otherwise nothing was tried.
  assert.ok(generations > SEEDS * 4, `${generations} generations`)
  assert.ok(commits > SEEDS * 5, `${commits} commits`)
})
