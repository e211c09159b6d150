/**
 * Random histories of producers that begin, are replaced, go on under a raised epoch, repeat what they did not hear of, and are too
 * late, with slow markers, failed and lost appends and reloads, judged by what they were told: T1 and T10 (the markers go to every
 * partition that was acknowledged), T3 (one outcome), T6 and T7 (a fenced producer, or a request of a transaction before, does
 * nothing), T12 and P5; and a coordinator that starts anew knows what was committed.
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

interface ProducerEpoch {
  readonly producerId: number
  readonly producerEpoch: number
}

/** One process that uses a transactional id. */
interface Instance {
  producerId: number
  producerEpoch: number
  /** 1 or 2. */
  readonly version: number
  /** In its transaction for certain. */
  acknowledged: Set<number>
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
  /** By id and epoch of the markers: where the last went. */
  readonly ended = new Map<string, ReadonlySet<number>>()
  /** Requests of v2 that have been answered, by their transaction. */
  readonly over: { readonly id: string; readonly commit: boolean; readonly of: ProducerEpoch }[] = []
  commits = 0
  aborts = 0
  fenced = 0
  resumed = 0
  delayed = 0

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
    else if (roll < 40) this.add(id, instance)
    else if (roll < 66) this.end(id, instance)
    else if (roll < 70) this.resume(id, instance)
    else if (roll < 72) this.endAgain()
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
      this.instances
        .get(id)!
        .push({ producerId, producerEpoch, version: this.random.pick([1, 2]), acknowledged: new Set() })
    })
  }

  add(id: string, instance: Instance): void {
    const { producerId, producerEpoch } = instance
    const isFenced = this.isFenced(id, instance)
    const partition = this.random.below(4)
    const partitions = [{ topic: 't', partitionIds: [partition] }]
    const { acknowledged } = instance
    const request = { transactionalId: id, producerId, producerEpoch, partitions, transactionVersion: instance.version }
    this.bench.transactions.add(request, (errorCode) => {
      if (isFenced) this.fenced++
      if (isFenced) assert.notEqual(errorCode, ErrorCode.NONE, 'T6: a fenced producer has written')
      if (errorCode === ErrorCode.NONE) acknowledged.add(partition)
    })
  }

  end(id: string, instance: Instance): void {
    const { producerId, producerEpoch, version } = instance
    const isFenced = this.isFenced(id, instance)
    const commit = this.random.chance(60)
    const { acknowledged } = instance
    // What is added from here on belongs to the transaction after, or to none.
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
      if (version === 2) {
        assert.equal(this.outcomes.get(key), commit, `T3: ${key} was to be ${commit}`)
        for (const partition of acknowledged) {
          assert.ok(this.ended.get(key)?.has(partition), `T1: ${key} was not ended in partition ${partition}`)
        }
        instance.acknowledged = new Set()
        this.over.push({ id, commit, of: { producerId, producerEpoch } })
      }
      if (commit) this.commits++
      else this.aborts++
    })
  }

  /** It asks who it is now, having been fenced by its timeout perhaps, or not heard of its end (KIP-360). */
  resume(id: string, instance: Instance): void {
    const isFenced = this.isFenced(id, instance)
    const { producerId, producerEpoch } = instance
    const expected = { producerId, producerEpoch, errorCode: ErrorCode.NONE }
    void this.bench.init(expected, { transactionalId: id }).then((reply) => {
      if (reply.errorCode !== ErrorCode.NONE) return
      assert.equal(isFenced, false, 'T6: a fenced producer was told the epoch')
      assert.equal(this.producerIds.get(reply.producerId) ?? id, id, 'P5: a producer id of two transactional ids')
      this.producerIds.set(reply.producerId, id)
      const now = this.fencedBelow.get(id)!
      const isNewer =
        reply.producerId > now.producerId ||
        (reply.producerId === now.producerId && reply.producerEpoch > now.producerEpoch)
      if (isNewer) this.fencedBelow.set(id, { producerId: reply.producerId, producerEpoch: reply.producerEpoch })
      Object.assign(instance, { producerId: reply.producerId, producerEpoch: reply.producerEpoch })
      instance.acknowledged = new Set()
      this.resumed++
    })
  }

  /** T7: an end that was answered long ago arrives a second time, perhaps turned round. */
  endAgain(): void {
    if (this.over.length === 0) return
    const { id, commit, of } = this.random.pick(this.over)
    const asked = this.random.chance(50) ? commit : !commit
    this.delayed++
    void this.bench.end(of, asked, 2, id).then(({ errorCode }) => {
      if (errorCode === ErrorCode.NONE) assert.equal(asked, commit, 'T3: the other outcome was acknowledged')
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
    this.ended.set(key, new Set(stored?.transactionPartitions?.flatMap(({ partitionIds }) => partitionIds)))
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
  const totals = { commits: 0, aborts: 0, fenced: 0, resumed: 0, delayed: 0 }
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
        history.checkReplay()
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
    totals.resumed += history.resumed
    totals.delayed += history.delayed
  }
  // Otherwise nothing was tried.
  assert.ok(
    totals.commits > 5 * SEEDS &&
      totals.aborts > 3 * SEEDS &&
      totals.fenced > 3 * SEEDS &&
      totals.resumed > SEEDS &&
      totals.delayed > SEEDS,
    JSON.stringify(totals),
  )
})
