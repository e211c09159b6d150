import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ErrorCode } from '@ottla/protocol'
import type { CurrentAssignment } from '../../../src/group/consumer/current-assignment.ts'
import { ConsumerBench, type ConsumerClient, PARTITION, stateOf } from '../../support/consumer-bench.ts'
import { Seeded } from '../../support/seeded.ts'

/**
 * Random histories of clients that join, beat, lose answers, leave and crash, of topics that come, grow and go, of appends
 * that fail or are lost, and of restarts. After every step: a partition belongs to one member at most, and nobody believes
 * to have what the coordinator thinks another's; epochs never fall; what is committed, replayed into a fresh shard, gives
 * the same state. At the end everybody is well again, and everything assigned.
 */
class History {
  readonly bench = new ConsumerBench()
  readonly random: Seeded
  readonly clients: ConsumerClient[] = []
  #names = 0
  #epoch = 0
  readonly #memberEpochs = new Map<string, number>()

  constructor(seed: number) {
    this.random = new Seeded(seed)
    this.bench.topic('t', 1 + this.random.below(6))
    this.bench.topic('u', 1 + this.random.below(4))
  }

  step(): void {
    const { random, bench } = this
    const roll = random.below(100)
    if (roll < 10 && this.clients.length < 6) this.#join()
    else if (roll < 72) this.#beat()
    else if (roll < 75) this.#leave()
    else if (roll < 77) this.#crash()
    else if (roll < 79) this.#changeTopics()
    else if (roll < 82) this.#resubscribe()
    else if (roll < 86) bench.host.advance(random.below(20_000))
    else if (roll < 92) this.#failAppend()
    else if (roll < 96) this.#loseAppend()
    else {
      this.#epoch = 0
      bench.load()
    }
    this.check()
  }

  #topics(): string[] {
    return this.random.chance(60) ? ['t', 'u'] : [this.random.pick(['t', 'u', 'absent'])]
  }

  #join(): void {
    const { random } = this
    const instanceId = random.chance(30) ? `i${random.below(3)}` : null
    const regex = random.chance(20) ? random.pick(['t|u', '[a-z]+', 't.*']) : null
    const client = this.bench.client(`m${++this.#names}`, this.#topics(), { instanceId, regex })
    if (client.beat()?.errorCode === ErrorCode.NONE) this.clients.push(client)
  }

  #beat(): void {
    if (this.clients.length === 0) return
    const client = this.random.pick(this.clients)
    if (this.random.chance(15)) client.beatUnheard()
    else if (client.epoch > 0 && this.random.chance(75)) client.beatSlowly(this.random.chance(60))
    else client.beat()
  }

  #leave(): void {
    if (this.clients.length === 0) return
    const client = this.random.pick(this.clients)
    client.leave(client.instanceId !== null && this.random.chance(60) ? -2 : -1)
    this.clients.splice(this.clients.indexOf(client), 1)
  }

  #crash(): void {
    if (this.clients.length > 0) this.clients.splice(this.random.below(this.clients.length), 1)
  }

  #changeTopics(): void {
    const { bench, random } = this
    const name = random.pick(['t', 'u', 'tt'])
    const topic = bench.topics.get(name)
    if (topic !== undefined && random.chance(15)) bench.dropTopic(name)
    else bench.topic(name, (topic?.partitions ?? 0) + 1 + random.below(2))
  }

  #resubscribe(): void {
    if (this.clients.length > 0) this.random.pick(this.clients).topics = this.#topics()
  }

  #failAppend(): void {
    const { host } = this.bench
    host.appendError = ErrorCode.NOT_ENOUGH_REPLICAS
    this.random.chance(50) ? this.#beat() : this.#leave()
    host.appendError = 0
  }

  /** Several steps are appended, and then lost, or committed, together. */
  #loseAppend(): void {
    const { bench, random } = this
    const before = this.clients.map(({ epoch, owned }) => ({ epoch, owned }))
    bench.host.commitsAtOnce = false
    for (let i = random.below(4); i >= 0; i--) this.#beat()
    if (random.chance(50)) {
      bench.host.lose(PARTITION, ErrorCode.NOT_LEADER_OR_FOLLOWER)
      this.clients.forEach((client, i) => {
        Object.assign(client, before[i])
      })
    } else bench.host.commit(PARTITION)
    bench.host.commitsAtOnce = true
  }

  check(): void {
    assert.deepEqual(this.bench.host.bugs, [])
    this.#checkOwners()
    this.#checkEpochs()
    const copy = new ConsumerBench()
    this.bench.host.feed(PARTITION, copy.runtime.load(PARTITION))
    assert.deepEqual(stateOf(copy), stateOf(this.bench))
  }

  #checkOwners(): void {
    const group = this.bench.machine!.consumer.get('g')
    if (group === undefined) return
    const owners = new Map<string, string>()
    for (const memberId of group.subscriptions.keys()) {
      const { assigned, pendingRevocation }: CurrentAssignment = group.current(memberId)
      for (const [topicId, partitions] of [...assigned, ...pendingRevocation]) {
        for (const partition of partitions.keys()) {
          const key: string = `${topicId}:${partition}`
          assert.equal(owners.get(key), undefined, `${key} has two owners`)
          owners.set(key, memberId)
          assert.ok(group.isOwned(topicId, partition))
        }
      }
    }
    for (const { memberId, owned, epoch } of this.clients) {
      if (!group.has(memberId) || epoch === 0) continue
      for (const [name, partitions] of Object.entries(owned)) {
        const topicId = this.bench.topics.get(name)?.topicId
        for (const partition of topicId === undefined ? [] : partitions) {
          const owner = owners.get(`${topicId}:${partition}`)
          assert.equal(owner, memberId, `${memberId} has ${name}:${partition}, which is ${owner}'s`)
        }
      }
    }
  }

  #checkEpochs(): void {
    const described = this.bench.describe()
    const { groupEpoch = 0, members = [] } = described ?? {}
    assert.ok(groupEpoch >= this.#epoch)
    this.#epoch = groupEpoch
    for (const { memberId, memberEpoch } of members) {
      assert.ok(memberEpoch <= groupEpoch)
      const before = this.#memberEpochs.get(memberId) ?? 0
      if (memberEpoch >= 0) {
        assert.ok(memberEpoch >= before, `${memberId} falls from ${before} to ${memberEpoch}`)
        this.#memberEpochs.set(memberId, memberEpoch)
      }
    }
  }

  /** Everybody beats, the dead run out of time: the group is stable, and nothing is left over. */
  heal(): void {
    const { bench, clients } = this
    for (let i = 0; i < 20; i++) {
      bench.host.advance(4_000)
      for (const client of clients) client.beat()
      this.check()
    }
    const living = clients.filter(({ epoch }) => epoch > 0)
    const described = bench.describe()
    if (living.length === 0) return
    assert.equal(described?.groupState, 'Stable')
    assert.equal(described.members.length, living.length)
    const wanted = new Set<string>()
    const has = new Set<string>()
    for (const { topics, regex, owned } of living) {
      const names =
        regex === null ? topics : [...bench.topics.keys()].filter((name) => new RegExp(`^(?:${regex})$`).test(name))
      for (const name of names) {
        for (let p = 0; p < (bench.topics.get(name)?.partitions ?? 0); p++) wanted.add(`${name}:${p}`)
      }
      for (const [name, partitions] of Object.entries(owned)) for (const p of partitions) has.add(`${name}:${p}`)
    }
    assert.deepEqual([...has].sort(), [...wanted].sort())
  }
}

for (let first = 1; first <= 100; first += 25) {
  test(`histories of consumer groups, seeds ${first} to ${first + 24}`, () => {
    for (let seed = first; seed < first + 25; seed++) {
      const history = new History(seed)
      try {
        for (let i = 0; i < 150; i++) history.step()
        history.heal()
      } catch (error) {
        throw new Error(`seed ${seed}: ${(error as Error).message}`, { cause: error })
      }
    }
  })
}
