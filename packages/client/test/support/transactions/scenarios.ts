/** What a transactional producer promises, tried against a broker: any that speaks Kafka's protocol. */
import assert from 'node:assert/strict'
import { setTimeout as wait } from 'node:timers/promises'
import { type GroupMetadata, Kafka, type KafkaError, TransactionError } from '../../../src/index.ts'
import { joinClassic, joinConsumerGroup } from './members.ts'
import type { Witness } from './read-committed.ts'

export interface Ground {
  /** Where the client connects, perhaps through what cuts its connections. */
  readonly bootstrap: string
  readonly witness: Witness
  /** Cuts the connection at the next request of the API: before the broker has it, or instead of its answer. */
  cut(apiKey: number, when: 'before' | 'after'): Promise<void>
  /** Kills the broker with a signal that it cannot catch, and starts it again on what it left. */
  bounce(): Promise<void>
  /** Forgets a cut that has met no request. */
  uncut(): void
  /** Transactions have an epoch each (KIP-890). */
  readonly implicit: boolean
  readonly seed: number
}

export interface Scenario {
  readonly name: string
  run(ground: Ground): Promise<string>
}

const PRODUCE = 0
const API_KEYS = [PRODUCE, 22, 24, 25, 26, 28]

/** The same choices for the same seed. */
function seeded(seed: number): (below: number) => number {
  let state = seed >>> 0
  return (below) => Math.floor(((state = (Math.imul(state, 1664525) + 1013904223) >>> 0) / 2 ** 32) * below)
}

let topics = 0

async function newTopic(kafka: Kafka, partitions: number): Promise<string> {
  const name = `txn-${process.pid}-${topics++}-${Date.now()}`
  const [created] = await kafka.admin.createTopics([{ name, partitions }])
  assert.equal(created.error, null)
  return name
}

const fails = (work: () => Promise<unknown>): Promise<KafkaError | null> =>
  work().then(
    () => null,
    (error) => error,
  )

async function commitsAndAborts({ bootstrap, witness }: Ground): Promise<string> {
  await using kafka = new Kafka({ bootstrap })
  const topic = await newTopic(kafka, 3)
  const producer = kafka.producer({ transactionalId: topic, compression: 'lz4' })
  const expected: string[] = []
  for (let i = 0; i < 60; i++) {
    const failure = await fails(() =>
      producer.transaction(async (txn) => {
        for (let partition = 0; partition < 3; partition++) {
          for (let n = 0; n < 5; n++) txn.produce(topic, { partition, value: `${i}.${n}` })
        }
        // Some are aborted with nothing sent, some with everything.
        if (i % 3 === 1) throw new RangeError('aborted')
        if (i % 3 === 2) {
          await txn.send(topic, { partition: 0, value: `${i}.5` })
          throw new RangeError('aborted late')
        }
      }),
    )
    if (i % 3 === 0) {
      assert.equal(failure, null)
      for (let n = 0; n < 5; n++) expected.push(`${i}.${n}`)
    } else assert.ok((failure as unknown) instanceof RangeError, String(failure))
  }
  await producer.close()
  for (let partition = 0; partition < 3; partition++) {
    assert.deepEqual(await witness.values(topic, partition), expected)
  }
  return '20 committed, 40 aborted'
}

async function fencing({ bootstrap, witness }: Ground): Promise<string> {
  await using kafka = new Kafka({ bootstrap })
  const topic = await newTopic(kafka, 2)
  const zombie = kafka.producer({ transactionalId: topic })
  const left = await zombie.begin()
  await left.send(topic, { partition: 0, value: 'zombie' })
  const heir = kafka.producer({ transactionalId: topic })
  await heir.init()
  const late = await fails(() => left.send(topic, { partition: 1, value: 'late' }))
  assert.ok(late !== null)
  const commit = await fails(() => left.commit())
  assert.ok(commit instanceof TransactionError, String(commit))
  if (!commit.fatal) assert.equal((await fails(() => left.abort()))?.code, 'PRODUCER_FENCED')
  const after = await fails(() => zombie.begin())
  assert.ok(after instanceof TransactionError && after.fatal && after.code === 'PRODUCER_FENCED', String(after))
  await heir.transaction((txn) => txn.send(topic, { partition: 0, value: 'heir' }))
  await zombie.close()
  assert.deepEqual(await witness.values(topic, 0), ['heir'])
  assert.deepEqual(await witness.values(topic, 1), [])
  return `the zombie's send: ${late.code}`
}

async function fencingAtCommit({ bootstrap, witness }: Ground): Promise<string> {
  await using kafka = new Kafka({ bootstrap })
  const topic = await newTopic(kafka, 1)
  const zombie = kafka.producer({ transactionalId: topic })
  const left = await zombie.begin()
  await left.send(topic, { partition: 0, value: 'zombie' })
  const heir = kafka.producer({ transactionalId: topic })
  await heir.transaction((txn) => txn.send(topic, { partition: 0, value: 'heir' }))
  const commit = await fails(() => left.commit())
  assert.ok(commit instanceof TransactionError && commit.code === 'PRODUCER_FENCED' && commit.fatal, String(commit))
  assert.deepEqual(await witness.values(topic, 0), ['heir'])
  return ''
}

async function timeouts({ bootstrap, witness, implicit }: Ground): Promise<string> {
  await using kafka = new Kafka({ bootstrap })
  const topic = await newTopic(kafka, 1)
  const producer = kafka.producer({ transactionalId: topic, transactionTimeoutMs: 500 })
  const slow = await producer.begin()
  await slow.send(topic, { partition: 0, value: 'slow' })
  await kafka.producer().send(topic, { partition: 0, value: 'plain' })
  // Waits until the broker has aborted the slow one, which holds up what comes after it.
  assert.deepEqual(await witness.values(topic, 0), ['plain'])
  const commit = await fails(() => slow.commit())
  assert.ok(commit instanceof TransactionError, String(commit))
  if (!commit.fatal) await fails(() => slow.abort())
  const next = await fails(() => producer.transaction((txn) => txn.send(topic, { partition: 0, value: 'next' })))
  // With an epoch for each transaction the broker can tell that nobody has taken over.
  if (implicit) assert.equal(next, null, String(next))
  else assert.equal(next?.code, 'PRODUCER_FENCED', String(next))
  assert.deepEqual(await witness.values(topic, 0), implicit ? ['plain', 'next'] : ['plain'])
  return `commit: ${commit.code}; then ${next?.code ?? 'it goes on'}`
}

async function offsetsOfStrangers({ bootstrap, witness }: Ground): Promise<string> {
  await using kafka = new Kafka({ bootstrap })
  const topic = await newTopic(kafka, 1)
  const producer = kafka.producer({ transactionalId: topic })
  const offsets = (offset: number) => [{ topic, partition: 0, offset, metadata: 'here' }]
  await producer.transaction((txn) => txn.sendOffsets(offsets(3), topic))
  assert.equal(await witness.committedOffset(topic, topic, 0), 3)
  const stranger = { groupId: topic, generationId: 5, memberId: 'stranger', groupInstanceId: null }
  const refused = await fails(() =>
    producer.transaction(async (txn) => {
      txn.send(topic, { value: 'with them' })
      txn.sendOffsets(offsets(4), stranger)
    }),
  )
  assert.ok(refused instanceof TransactionError && !refused.fatal, String(refused))
  const aborted = await fails(() =>
    producer.transaction(async (txn) => {
      await txn.sendOffsets(offsets(5), topic)
      throw new RangeError('aborted')
    }),
  )
  assert.ok((aborted as unknown) instanceof RangeError)
  assert.equal(await witness.committedOffset(topic, topic, 0), 3)
  assert.deepEqual(await witness.values(topic, 0), [])
  return `a stranger's offsets: ${refused.code}`
}

/** Only the present member of a group commits its offsets (KIP-447). */
async function offsetsOfMembers({ bootstrap, witness }: Ground): Promise<string> {
  await using kafka = new Kafka({ bootstrap })
  const topic = await newTopic(kafka, 1)
  const producer = kafka.producer({ transactionalId: topic })
  const commit = (group: GroupMetadata, offset: number) =>
    fails(() => producer.transaction((txn) => txn.sendOffsets([{ topic, partition: 0, offset }], group)))
  const classic = `${topic}-classic`
  assert.equal(await witness.committedOffset(classic, topic, 0), -1)
  const first = await joinClassic(await witness.connection(), classic)
  assert.equal(await commit(first, 1), null)
  const second = await joinClassic(await witness.connection(), classic, first)
  assert.equal(second.generationId, first.generationId + 1)
  const late = await commit(first, 2)
  assert.ok(late?.code === 'ILLEGAL_GENERATION' && !(late as TransactionError).fatal, String(late))
  assert.equal((await commit({ ...second, memberId: 'other' }, 2))?.code, 'UNKNOWN_MEMBER_ID')
  assert.equal(await commit(second, 3), null)
  assert.equal(await witness.committedOffset(classic, topic, 0), 3)
  const modern = `${topic}-consumer`
  assert.equal(await witness.committedOffset(modern, topic, 0), -1)
  const member = await joinConsumerGroup(await witness.connection(), modern, topic)
  if (member === null) return 'no group of KIP-848 there'
  assert.equal(await commit(member, 4), null)
  const stale = await commit({ ...member, generationId: member.generationId + 5 }, 5)
  assert.ok(stale instanceof TransactionError && !stale.fatal, String(stale))
  assert.equal(await witness.committedOffset(modern, topic, 0), 4)
  return `a wrong member epoch: ${stale.code}`
}

const INPUT_RECORDS = 200

/** Input becomes output once each, though every third transaction is aborted and every fifth producer dies. */
async function consumeTransformProduce({ bootstrap, witness, seed }: Ground): Promise<string> {
  const below = seeded(seed)
  await using kafka = new Kafka({ bootstrap })
  const [input, output] = [await newTopic(kafka, 1), await newTopic(kafka, 2)]
  const inputs = Array.from({ length: INPUT_RECORDS }, (_, i) => ({ partition: 0, value: `${i}` }))
  await kafka.producer().sendAll(input, inputs)
  let producers = 0
  let attempts = 0
  let producer = kafka.producer({ transactionalId: input })
  await producer.init()
  for (;;) {
    const from = Math.max(0, await witness.committedOffset(input, input, 0))
    if (from >= INPUT_RECORDS) break
    const until = Math.min(INPUT_RECORDS, from + 1 + below(12))
    const txn = await producer.begin()
    attempts += 1
    const consumer = kafka.consumer({ assign: [{ topic: input, partition: 0, from, until }] })
    for await (const record of consumer) {
      txn.produce(output, { partition: record.offset % 2, value: `${record.value} at ${from}` })
    }
    txn.sendOffsets([{ topic: input, partition: 0, offset: until }], input)
    const fate = below(5)
    if (fate < 3) await txn.commit()
    else if (fate === 3) await txn.abort()
    else {
      // As after a crash: the next one finds an open transaction, and ends it.
      await txn.ready()
      producers += 1
      producer = kafka.producer({ transactionalId: input })
      await producer.init()
    }
  }
  const outputs = [...(await witness.values(output, 0)), ...(await witness.values(output, 1))]
  const numbers = outputs.map((value) => Number.parseInt(value, 10)).sort((a, b) => a - b)
  assert.deepEqual(
    numbers,
    inputs.map((_, i) => i),
  )
  return `${INPUT_RECORDS} records in ${attempts} transactions of ${producers + 1} producers`
}

const STORM_TRANSACTIONS = 150

/** Connections are cut at requests of every kind: what was committed is there once, what was not is not. */
async function storm({ bootstrap, witness, cut, uncut, seed }: Ground): Promise<string> {
  const below = seeded(seed)
  await using kafka = new Kafka({ bootstrap, retryBackOffMs: 5, retryBackOffMaxMs: 50 })
  const topic = await newTopic(kafka, 3)
  const producer = kafka.producer({ transactionalId: topic, batchBytes: 300 })
  await producer.init()
  const outcomes: ('committed' | 'aborted' | 'failed')[] = []
  let cuts = 0
  for (let i = 0; i < STORM_TRANSACTIONS; i++) {
    if (below(3) > 0) {
      const met = cut(API_KEYS[below(API_KEYS.length)], below(2) === 0 ? 'before' : 'after')
      // One that no request has met is told so when the broker closes.
      void met.then(
        () => {
          cuts += 1
        },
        () => {},
      )
    }
    const aborts = below(4) === 0
    const failure = await fails(() =>
      producer.transaction(async (txn) => {
        for (let n = 0; n < 10; n++) {
          for (let partition = 0; partition < 3; partition++) txn.produce(topic, { partition, value: `${i}.${n}` })
        }
        if (below(2) === 0) txn.sendOffsets([{ topic, partition: 0, offset: i }], topic)
        if (aborts && below(2) === 0) await txn.send(topic, { partition: 0, value: `${i}.10` })
        if (aborts) throw new RangeError('aborted')
      }),
    )
    if (failure === null) outcomes.push('committed')
    else if ((failure as unknown) instanceof RangeError) outcomes.push('aborted')
    else {
      // A cut costs time, never a transaction.
      throw new Error(`transaction ${i} failed: ${failure}`, { cause: failure })
    }
  }
  uncut()
  await producer.close()
  const expected = outcomes.flatMap((outcome, i) =>
    outcome === 'committed' ? Array.from({ length: 10 }, (_, n) => `${i}.${n}`) : [],
  )
  for (let partition = 0; partition < 3; partition++) {
    assert.deepEqual(await witness.values(topic, partition), expected)
  }
  const committed = outcomes.filter((o) => o === 'committed').length
  return `${committed} committed, ${STORM_TRANSACTIONS - committed} aborted, ${cuts} cuts`
}

const BOUNCES = 2

/** The broker is killed in the midst of transactions: each is there as a whole or not at all. */
async function killed({ bootstrap, witness, bounce, seed }: Ground): Promise<string> {
  const below = seeded(seed)
  await using kafka = new Kafka({ bootstrap })
  const topic = await newTopic(kafka, 3)
  const producer = kafka.producer({ transactionalId: topic, batchBytes: 300 })
  await producer.init()
  const committed: number[] = []
  let bouncing = true
  const bounced = (async () => {
    for (let i = 0; i < BOUNCES; i++) {
      const before = committed.length
      while (committed.length < before + 20) await wait(5)
      await bounce()
    }
    bouncing = false
  })()
  let i = 0
  for (; bouncing; i++) {
    const failure = await fails(() =>
      producer.transaction((txn) => {
        for (let n = 0; n < 10; n++) {
          for (let partition = 0; partition < 3; partition++) txn.produce(topic, { partition, value: `${i}.${n}` })
        }
        txn.sendOffsets([{ topic, partition: 0, offset: i }], topic)
        if (below(4) === 0) throw new RangeError('aborted')
      }),
    )
    if (failure === null) committed.push(i)
    else if (!((failure as unknown) instanceof RangeError)) {
      throw new Error(`transaction ${i} failed: ${failure}`, { cause: failure })
    }
  }
  await bounced
  await producer.close()
  const expected = committed.flatMap((number) => Array.from({ length: 10 }, (_, n) => `${number}.${n}`))
  for (let partition = 0; partition < 3; partition++) {
    assert.deepEqual(await witness.values(topic, partition), expected)
  }
  assert.equal(await witness.committedOffset(topic, topic, 0), committed[committed.length - 1])
  return `${committed.length} committed, ${i - committed.length} aborted, ${BOUNCES} kills`
}

export const scenarios: readonly Scenario[] = [
  { name: 'commits and aborts', run: commitsAndAborts },
  { name: 'a zombie that sends', run: fencing },
  { name: 'a zombie that commits', run: fencingAtCommit },
  { name: 'timeouts', run: timeouts },
  { name: 'offsets', run: offsetsOfStrangers },
  { name: 'offsets of members', run: offsetsOfMembers },
  { name: 'consume, transform, produce', run: consumeTransformProduce },
  { name: 'cut connections', run: storm },
  { name: 'a broker that is killed', run: killed },
]
