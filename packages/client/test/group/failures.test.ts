/** Members whose broker fails them, or puts them out. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type GroupConsumer, Kafka } from '@ottla/client'
import { ErrorCode, errorName } from '@ottla/protocol'
import type { Timers } from '@ottla/runtime'
import { nodeRuntime } from '@ottla/runtime/node'
import { consumerOf, fast, type GroupProtocol, numbers, PROTOCOLS, setUp, TOPIC } from '../support/group-bench.ts'

const PLACE = { topic: TOPIC, partition: 0 }
/** The broker knows the member whose name it was made to deny until its session is over. */
const SOON_OVER = { sessionTimeoutMs: 300 }

/** The requests of each protocol. */
const APIS: Readonly<Record<GroupProtocol, readonly string[]>> = {
  classic: ['FindCoordinator', 'JoinGroup', 'SyncGroup', 'Heartbeat', 'OffsetFetch', 'OffsetCommit'],
  consumer: ['FindCoordinator', 'ConsumerGroupHeartbeat', 'OffsetFetch', 'OffsetCommit'],
}

async function valuesOf(iterator: AsyncIterator<{ readonly value: Buffer | null }>, count: number): Promise<string[]> {
  const values: string[] = []
  for (let i = 0; i < count; i++) values.push(String((await iterator.next()).value?.value))
  return values
}

/** Knows which timers have been set, and have neither gone off nor been cleared. */
function countingTimers(timers: Timers): Timers & { readonly live: Map<unknown, number> } {
  const live = new Map<unknown, number>()
  return {
    live,
    setTimer(fn, delayMs, options) {
      const handle = timers.setTimer(
        () => {
          live.delete(handle)
          fn()
        },
        delayMs,
        options,
      )
      live.set(handle, delayMs)
      return handle
    },
    clearTimer(handle) {
      live.delete(handle)
      timers.clearTimer(handle)
    },
    immediate: (fn) => timers.immediate(fn),
  }
}

const committedOf = async (consumer: GroupConsumer): Promise<number | undefined> =>
  (await consumer.committed([PLACE]))[0]?.offset

for (const groupProtocol of PROTOCOLS) {
  test(`${groupProtocol}: a member reads on when its broker comes back`, async (t) => {
    const bench = await setUp(t)
    await bench.produce(5)
    const consumer = consumerOf(bench, { groupProtocol, autoCommitIntervalMs: 1 })
    const iterator = consumer[Symbol.asyncIterator]()
    assert.deepEqual(await valuesOf(iterator, 5), numbers(0, 5))
    await consumer.commit()
    await bench.broker.restart()
    const rest = valuesOf(iterator, 5)
    await bench.produce(5)
    assert.deepEqual(await rest, numbers(5, 10))
    await consumer.commit()
    assert.equal(await committedOf(consumer), 10)
    await consumer.close()
  })

  test(`${groupProtocol}: a request that is cut off, before it counts or after, is made again`, async (t) => {
    const bench = await setUp(t)
    await bench.produce(1)
    for (const when of ['before', 'after'] as const) {
      for (const api of APIS[groupProtocol]) {
        const met = bench.broker.intercept(api, { action: 'drop', when })
        const consumer = consumerOf(bench, { groupProtocol, group: `${when} ${api}`, autoCommit: false })
        const iterator = consumer[Symbol.asyncIterator]()
        assert.deepEqual(await valuesOf(iterator, 1), ['0'], `${api} ${when}`)
        await consumer.commit()
        assert.equal(await committedOf(consumer), 1)
        await met
        await consumer.close()
      }
    }
  })

  test(`${groupProtocol}: without a broker it is closed when the time for that is over`, async (t) => {
    const bench = await setUp(t)
    await bench.produce(2)
    const consumer = consumerOf(bench, { groupProtocol })
    await valuesOf(consumer[Symbol.asyncIterator](), 2)
    await bench.broker.kill()
    await consumer.close({ timeoutMs: 50 })
    await bench.broker.restart()
  })

  test(`${groupProtocol}: closed while a record is worked on, it ends the loop and leaves no timer behind`, async (t) => {
    const bench = await setUp(t)
    await bench.produce(2)
    const runtime = nodeRuntime()
    const timers = countingTimers(runtime.timers)
    const kafka = new Kafka({ bootstrap: bench.bootstrap }, { ...runtime, timers })
    const consumer = kafka.consumer({ group: 'g', topics: [TOPIC], from: 'earliest', ...fast(groupProtocol) })
    let count = 0
    for await (const _record of consumer) {
      count += 1
      await consumer.close()
    }
    assert.equal(count, 1)
    await kafka.close()
    assert.deepEqual([...timers.live.values()], [], 'each with the ms it was set for')
  })

  test(`${groupProtocol}: who leaves says so again when that was cut off`, async (t) => {
    const bench = await setUp(t)
    await bench.produce(1)
    const api = groupProtocol === 'classic' ? 'LeaveGroup' : 'ConsumerGroupHeartbeat'
    for (const when of ['before', 'after'] as const) {
      const consumer = consumerOf(bench, { groupProtocol, autoCommit: false })
      await valuesOf(consumer[Symbol.asyncIterator](), 1)
      const met = bench.broker.intercept(api, { action: 'drop', when })
      await consumer.close()
      await met
      const [{ group }] = await bench.client().admin.describeGroups(['g'])
      assert.deepEqual(group?.members, [])
    }
  })

  test(`${groupProtocol}: who is put out has lost its partitions, and gets them anew`, async (t) => {
    const bench = await setUp(t)
    const api = groupProtocol === 'classic' ? 'Heartbeat' : 'ConsumerGroupHeartbeat'
    const stale = groupProtocol === 'classic' ? ErrorCode.ILLEGAL_GENERATION : ErrorCode.FENCED_MEMBER_EPOCH
    for (const errorCode of [ErrorCode.UNKNOWN_MEMBER_ID, stale]) {
      const events: string[] = []
      const consumer = consumerOf(bench, {
        groupProtocol,
        ...(groupProtocol === 'classic' ? SOON_OVER : {}),
        group: errorName(errorCode),
        onAssigned: () => {
          events.push('assigned')
          if (events.length === 1) void bench.broker.intercept(api, { action: 'fail', errorCode })
          else void bench.produce(1)
        },
        onRevoked: () => void events.push('revoked'),
        onLost: () => void events.push('lost'),
      })
      for await (const _record of consumer) if (events.length > 1) break
      assert.deepEqual(events, ['assigned', 'lost', 'assigned', 'revoked'])
    }
  })
}

for (const errorCode of [ErrorCode.UNKNOWN_MEMBER_ID, ErrorCode.ILLEGAL_GENERATION]) {
  test(`${errorName(errorCode)} while a member joins again: what it kept meanwhile is lost, and told so`, async (t) => {
    const bench = await setUp(t)
    const events: string[] = []
    const names: string[] = []
    const consumer = consumerOf(bench, {
      ...SOON_OVER,
      assignors: ['cooperative-sticky'],
      onAssigned: async () => {
        events.push('assigned')
        names.push(consumer.groupMetadata().memberId)
        if (events.length > 1) {
          await bench.produce(1)
          return
        }
        void bench.broker.intercept('JoinGroup', { action: 'fail', errorCode })
        // The leader joins again.
        await bench.client().admin.createPartitions([{ name: TOPIC, count: 2 }])
      },
      onRevoked: () => void events.push('revoked'),
      onLost: () => void events.push('lost'),
    })
    for await (const _record of consumer) break
    assert.deepEqual(events, ['assigned', 'lost', 'assigned', 'revoked'])
    assert.equal(names[0] === names[1], errorCode === ErrorCode.ILLEGAL_GENERATION, 'its name stays if it is known')
  })
}

test('who joins and is closed before the others have joined leaves at once', async (t) => {
  const bench = await setUp(t)
  await bench.produce(1)
  const first = consumerOf(bench)
  // It works on a record, and joins when that is done.
  await first[Symbol.asyncIterator]().next()
  const second = consumerOf(bench)
  const waiting = second[Symbol.asyncIterator]().next()
  const { admin } = bench.client()
  const membersAre = async (count: number) => {
    for (;;) {
      const [{ group }] = await admin.describeGroups(['g'])
      if (group?.members.length === count) return
    }
  }
  await membersAre(2)
  await second.close({ timeoutMs: 2 ** 31 - 1 })
  assert.equal((await waiting).done, true)
  await membersAre(1)
  await first.close()
})

test('a commit that comes with an epoch of before is made again with the one of now', async (t) => {
  const bench = await setUp(t)
  await bench.produce(2)
  const consumer = consumerOf(bench, { groupProtocol: 'consumer', autoCommit: false })
  const iterator = consumer[Symbol.asyncIterator]()
  await iterator.next()
  const { STALE_MEMBER_EPOCH: errorCode } = ErrorCode
  const met = bench.broker.intercept('OffsetCommit', { action: 'fail', errorCode })
  await consumer.commit()
  await met
  assert.equal(await committedOf(consumer), 1)
  await iterator.next()
  void bench.broker.intercept('OffsetCommit', { action: 'fail', errorCode })
  const answer = await new Promise((resolve) => consumer.commitAsync(resolve))
  assert.equal(answer, null)
  assert.equal(await committedOf(consumer), 2)
  await consumer.close()
})
