/**
 * Random histories of producers that begin, are replaced, repeat what they did not hear of, and are too late, with slow markers,
 * failed and lost appends and reloads, judged by what they were told: T3 (one outcome), T6 (a fenced producer does nothing), T10
 * (what was acknowledged is kept), T12 and P5; and a coordinator that starts anew knows what was committed.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Markers } from '@ottla/coordinator'
import { ErrorCode } from '@ottla/protocol'
import { Seeded } from '../support/seeded.ts'
import { PARTITION, TransactionBench } from '../support/transaction-bench.ts'

const SEEDS = 100
const STEPS = 250
const IDS = ['a', 'b']

/** One process that uses a transactional id. */
interface Instance {
  producerId: number
  producerEpoch: number
  /** 1 or 2. */
  readonly version: number
}

class History {
  readonly bench = new TransactionBench()
  readonly random: Seeded
  /** By transactional id: all that ever were; the last one that was told its epoch is the rightful one. */
  readonly instances = new Map<string, Instance[]>(IDS.map((id) => [id, []]))
  /** By transactional id: the highest epoch that InitProducerId has told of, by producer id. */
  readonly fencedBelow = new Map<string, { producerId: number; producerEpoch: number }>()
  readonly producerIds = new Map<number, string>()
  /** By id and epoch of the markers: commit or abort. */
  readonly outcomes = new Map<string, boolean>()
  commits = 0
  aborts = 0
  fenced = 0

  constructor(seed: number) {
    this.random = new Seeded(seed)
    this.bench.nextProducerId = 1
    this.bench.onMarkers = (markers) => this.checkMarker(markers)
  }

  async step(): Promise<void> {
    const { random, bench } = this
    const id = random.pick(IDS)
    const all = this.instances.get(id)!
    const roll = random.below(100)
    const instance = random.chance(70) ? all.at(-1) : all.length > 0 ? random.pick(all) : undefined
    if (roll < 12 || instance === undefined) this.init(id)
    else if (roll < 42) this.add(id, instance)
    else if (roll < 72) this.end(id, instance)
    else if (roll < 80) this.writeSome()
    else if (roll < 84) bench.host.advance(random.pick([60, 5000]))
    else if (roll < 86) bench.host.advance(75_000)
    else if (roll < 89)
      bench.host.appendError = random.pick([ErrorCode.KAFKA_STORAGE_ERROR, ErrorCode.NOT_ENOUGH_REPLICAS])
    else if (roll < 93) bench.host.commitsAtOnce = !bench.host.commitsAtOnce
    else if (roll < 95) bench.host.lose(PARTITION, ErrorCode.KAFKA_STORAGE_ERROR)
    else if (roll < 97) this.reload()
    else bench.writesAtOnce = !bench.writesAtOnce
    if (random.chance(60)) bench.host.appendError = 0
    if (random.chance(50)) bench.host.commit(PARTITION)
    await settled()
    assert.deepEqual(bench.host.bugs, [])
  }

  init(id: string): void {
    void this.bench.init(null, { transactionalId: id }).then((reply) => {
      if (reply.errorCode !== ErrorCode.NONE) return
      const { producerId, producerEpoch } = reply
      const owner = this.producerIds.get(producerId) ?? id
      assert.equal(owner, id, 'P5: a producer id of two transactional ids')
      this.producerIds.set(producerId, id)
      const before = this.fencedBelow.get(id)
      const isNewer = before === undefined || producerId > before.producerId || producerEpoch > before.producerEpoch
      assert.ok(isNewer, `epoch ${producerEpoch} was told again`)
      this.fencedBelow.set(id, { producerId, producerEpoch })
      this.instances.get(id)!.push({ producerId, producerEpoch, version: this.random.pick([1, 2]) })
    })
  }

  add(id: string, instance: Instance): void {
    const { producerId, producerEpoch } = instance
    const isFenced = this.isFenced(id, instance)
    const partitions = [{ topic: 't', partitionIds: [this.random.below(4)] }]
    const request = { transactionalId: id, producerId, producerEpoch, partitions, transactionVersion: instance.version }
    this.bench.transactions.add(request, (errorCode) => {
      if (isFenced) this.fenced++
      if (isFenced) assert.notEqual(errorCode, ErrorCode.NONE, 'T6: a fenced producer has written')
    })
  }

  end(id: string, instance: Instance): void {
    const { producerId, producerEpoch, version } = instance
    const isFenced = this.isFenced(id, instance)
    const commit = this.random.chance(60)
    void this.bench.end(instance, commit, version, id).then(({ errorCode, ...next }) => {
      if (errorCode !== ErrorCode.NONE) return
      if (isFenced) assert.fail('T6: a fenced producer has ended a transaction')
      if (version === 2) {
        Object.assign(instance, next)
        if (next.producerId !== producerId) this.producerIds.set(next.producerId, id)
      }
      const epoch = version === 2 ? producerEpoch + 1 : producerEpoch
      const key = `${producerId} ${epoch}`
      // Of v1 it may be a repeat of an end whose markers another transaction of the same epoch came behind.
      if (version === 2) assert.equal(this.outcomes.get(key), commit, `T3: ${key} was to be ${commit}`)
      if (commit) this.commits++
      else this.aborts++
    })
  }

  /** Somebody else has been told a later epoch. */
  isFenced(id: string, { producerId, producerEpoch }: Instance): boolean {
    const now = this.fencedBelow.get(id)!
    return producerId < now.producerId || (producerId === now.producerId && producerEpoch < now.producerEpoch)
  }

  writeSome(): void {
    const { open } = this.bench
    this.bench.open = []
    for (const markers of open) {
      if (this.random.chance(70)) markers.done()
      else this.bench.open.push(markers)
    }
  }

  reload(): void {
    this.bench.host.lose(PARTITION, ErrorCode.NOT_LEADER_OR_FOLLOWER)
    // What was asked of the one before may still arrive.
    if (this.random.chance(50)) this.bench.open = []
    this.bench.load()
  }

  /** Every marker of one epoch says the same, where each transaction has an epoch of its own. */
  checkMarker({ transactionalId, producerId, producerEpoch, commit }: Markers): void {
    const key = `${producerId} ${producerEpoch}`
    const stored = this.bench.stored(transactionalId)
    assert.equal(stored?.producerId, producerId)
    assert.equal(stored?.producerEpoch, producerEpoch, 'a marker for what is not decided')
    const isOwnEpoch = stored?.clientTransactionVersion === 2
    if (isOwnEpoch && this.outcomes.has(key)) assert.equal(this.outcomes.get(key), commit, `T3: two outcomes of ${key}`)
    this.outcomes.set(key, commit)
  }

  checkReplay(): void {
    const { bench } = this
    const fresh = new TransactionBench()
    fresh.writesAtOnce = false
    bench.host.feed(PARTITION, fresh.runtime.load(PARTITION))
    assert.deepEqual(fresh.committedState(), bench.committedState())
  }

  /** When nothing fails any more, nothing stays open. */
  async checkLiveness(): Promise<void> {
    const { bench } = this
    bench.host.appendError = 0
    bench.host.commitsAtOnce = true
    bench.writesAtOnce = true
    bench.host.commit(PARTITION)
    bench.load()
    bench.host.advance(75_000)
    await settled()
    bench.host.advance(1000)
    for (const id of IDS) {
      const state = bench.state(id)
      assert.ok(state === null || !/^(Ongoing|Prepare)/.test(state), `T4: ${id} is ${state}`)
    }
  }
}

/** Lets promises that have been settled tell of it. */
async function settled(): Promise<void> {
  for (let i = 0; i < 4; i++) await Promise.resolve()
}

test(`${SEEDS} histories of ${STEPS} steps`, async () => {
  const totals = { commits: 0, aborts: 0, fenced: 0 }
  for (let seed = 1; seed <= SEEDS; seed++) {
    const history = new History(seed)
    const failures: unknown[] = []
    const onRejection = (error: unknown): void => {
      failures.push(error)
    }
    process.on('unhandledRejection', onRejection)
    try {
      for (let step = 0; step < STEPS; step++) {
        await history.step()
        if (step % 5 === 0) history.checkReplay()
      }
      await history.checkLiveness()
      history.checkReplay()
      await new Promise((resolve) => setImmediate(resolve))
      if (failures.length > 0) throw failures[0]
    } catch (error) {
      ;(error as Error).message = `seed ${seed}: ${(error as Error).message}`
      throw error
    } finally {
      process.off('unhandledRejection', onRejection)
    }
    totals.commits += history.commits
    totals.aborts += history.aborts
    totals.fenced += history.fenced
  }
  // Otherwise nothing was tried.
  assert.ok(
    totals.commits > 5 * SEEDS && totals.aborts > 3 * SEEDS && totals.fenced > 3 * SEEDS,
    JSON.stringify(totals),
  )
})
