/** More members than partitions, against our own broker. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Bench, consumerOf, PROTOCOLS, setUp, TOPIC } from '../support/group-bench.ts'

const SESSION_TIMEOUT_MS = 2000
const TOPICS = [TOPIC, 'returns']

interface Member {
  readonly client: ReturnType<Bench['mortal']>
  readonly consumer: ReturnType<typeof consumerOf>
  readonly seen: string[]
  readonly done: Promise<void>
}

for (const groupProtocol of PROTOCOLS) {
  // By range, the same member would have the only partition of both topics.
  const classic = { sessionTimeoutMs: SESSION_TIMEOUT_MS, assignors: ['cooperative-sticky'] as const }
  const options = groupProtocol === 'classic' ? classic : {}

  test(`${groupProtocol}: of three members of two topics one is idle; it takes over in one rebalance, from who leaves and from who crashes`, async (t) => {
    const bench = await setUp(t, 1, { 'group.consumer.session.timeout.ms': SESSION_TIMEOUT_MS })
    const { admin } = bench.client()
    await admin.createTopics([{ name: 'returns' }])
    const start = (): Member => {
      const client = bench.mortal()
      const consumer = consumerOf({ client: () => client.kafka }, { groupProtocol, topics: TOPICS, ...options })
      const seen: string[] = []
      const read = async (): Promise<void> => {
        for await (const { topic, value } of consumer) seen.push(`${topic} ${value}`)
      }
      return { client, consumer, seen, done: read() }
    }
    /** How many partitions each member has, once so many members have all of them. */
    const shares = async (members: number): Promise<number[]> => {
      for (;;) {
        const [{ group }] = await admin.describeGroups(['g'])
        const counts = group?.members.map(({ assignment }) => assignment?.length ?? 0)
        const total = counts?.reduce((sum, count) => sum + count, 0)
        if (group?.state === 'Stable' && counts?.length === members && total === 2) return counts.sort()
      }
    }
    /** Of those that run, who has nothing; all have learnt of the generation that they are in. */
    const idleOf = async (members: readonly Member[]): Promise<Member[]> => {
      for (;;) {
        const generations = new Set(members.map(({ consumer }) => consumer.groupMetadata().generationId))
        const idle = members.filter(({ consumer }) => consumer.assignment().length === 0)
        if (generations.size === 1 && members.length - idle.length === Math.min(2, members.length)) return idle
        await admin.describeCluster()
      }
    }
    const generationOf = ({ consumer }: Member): number => consumer.groupMetadata().generationId

    const members = [start(), start(), start()]
    assert.deepEqual(await shares(3), [0, 1, 1])
    const [idle] = await idleOf(members)
    let generation = generationOf(idle)

    // An owner leaves, and the idle one has what it had, one generation later.
    const owners = members.filter((member) => member !== idle)
    await owners[0].consumer.close()
    await owners[0].done
    assert.deepEqual(await shares(2), [1, 1])
    assert.deepEqual(await idleOf([idle, owners[1]]), [])
    assert.equal(generationOf(idle), generation + 1)

    // Another one comes and is idle; an owner crashes.
    const next = start()
    assert.deepEqual(await shares(3), [0, 1, 1])
    const running = [idle, owners[1], next]
    const [waiting] = await idleOf(running)
    generation = generationOf(waiting)
    const crashing = running.find((member) => member !== waiting)!
    crashing.client.die()
    assert.deepEqual(await shares(2), [1, 1])
    const left = running.filter((member) => member !== crashing)
    assert.deepEqual(await idleOf(left), [])
    assert.equal(generationOf(waiting), generation + 1)

    // Between them they read both topics, each record once.
    const producer = bench.client().producer()
    await Promise.all(TOPICS.flatMap((topic) => ['a', 'b'].map((value) => producer.send(topic, { value }))))
    const all = (): string[] => left.flatMap(({ seen }) => seen)
    while (all().length < 4) await admin.describeCluster()
    assert.deepEqual(all().sort(), [`${TOPIC} a`, `${TOPIC} b`, 'returns a', 'returns b'])
    await Promise.all(running.map(({ consumer }) => consumer.close({ timeoutMs: 100 }).catch(() => undefined)))
  })
}
