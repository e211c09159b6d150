import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import {
  anyVersion,
  type BrokerRegistration,
  brokerIdZnode,
  claimController,
  type EmbeddedMetadata,
  type MetadataChange,
  type MetadataStore,
  type RegistryOutcome,
  registerBroker,
  TopicRegistry,
  topicZnode,
} from '@ottla/cluster'
import { openEmbedded, steppingClock } from './support/embedded.ts'
import { FaultDisk, MachineStopped, seeded } from './support/fault-disk.ts'

const clock = steppingClock()
const below = seeded(11)
const secureRandom = { bytes: (length: number) => Buffer.from(Array.from({ length }, () => below(256))) }

const registration: BrokerRegistration = {
  endpoints: [{ listenerName: 'PLAINTEXT', securityProtocol: 'PLAINTEXT', host: 'localhost', port: 9092 }],
  rack: null,
  jmxPort: -1,
  timestampMs: 1,
  features: {},
}

function ok<T>(outcome: RegistryOutcome<T, string>): T {
  if (!outcome.ok) assert.fail(JSON.stringify(outcome))
  return outcome.value
}

function error(outcome: { ok: boolean; error?: string }): string {
  return outcome.ok ? 'ok' : (outcome.error as string)
}

interface Node {
  readonly metadata: EmbeddedMetadata
  readonly store: MetadataStore
  readonly registry: TopicRegistry
  readonly changes: string[]
}

async function start(disk: FaultDisk, overrides: { clock?: typeof clock } = {}): Promise<Node> {
  const metadata = openEmbedded(disk, {}, overrides.clock)
  const store = metadata.openSession()
  const claim = await claimController(store, 0, clock)
  assert.ok(claim.ok, JSON.stringify(claim))
  const deps = { store, clock: overrides.clock ?? clock, secureRandom }
  const registry = await TopicRegistry.open({ brokerId: 0, term: claim.term }, deps)
  const changes: string[] = []
  registry.onChange((change: MetadataChange) => {
    const whose = 'topic' in change ? change.topic.name : 'entity' in change ? change.entity : change.groupId
    changes.push(`${change.type} ${whose}`)
  })
  return { metadata, store, registry, changes }
}

/** What of the tree is about topics, for comparing before and after. */
async function tree(store: MetadataStore, path = '/'): Promise<string[]> {
  const children = await store.children(path)
  assert.ok(children.ok)
  const below = await Promise.all(
    children.value.names.map((name) => tree(store, path === '/' ? `/${name}` : `${path}/${name}`)),
  )
  return [path, ...below.flat()]
}

describe('topics', () => {
  test('a topic is created, grown, configured and deleted; the image follows and a restart finds it', async () => {
    const disk = new FaultDisk()
    const first = await start(disk)
    const { registry } = first
    const empty = await tree(first.store)
    const created = ok(
      await registry.createTopic({ name: 'orders', partitions: [[0], [0]], configs: new Map([['retention.ms', '5']]) }),
    )
    assert.match(created.topicId, /^[A-Za-z0-9_][A-Za-z0-9_-]{21}$/)
    assert.equal(registry.image.topics.get('orders'), created)
    assert.equal(registry.image.topicsById.get(created.topicId), created)
    assert.deepEqual(created.partitions[1], {
      partition: 1,
      replicas: [0],
      addingReplicas: [],
      removingReplicas: [],
      leader: 0,
      leaderEpoch: 0,
      isr: [0],
      partitionEpoch: 0,
      leaderRecoveryState: 'recovered',
    })
    const again = await registry.createTopic({ name: 'orders', partitions: [[0]], configs: new Map() })
    assert.equal(error(again), 'topicExists')
    ok(await registry.createPartitions('orders', 2, [[0], [0]]))
    assert.equal(error(await registry.createPartitions('orders', 2, [[0]])), 'concurrentChange')
    assert.equal(error(await registry.createPartitions('none', 0, [[0]])), 'unknownTopic')
    ok(await registry.setTopicConfigs('orders', (current) => new Map([...current, ['cleanup.policy', 'compact']])))
    ok(
      await registry.setTopicConfigs(
        'orders',
        (current) => new Map([...current].filter(([key]) => key !== 'retention.ms')),
      ),
    )
    assert.equal(error(await registry.setTopicConfigs('none', () => new Map())), 'unknownTopic')
    assert.equal(registry.image.partitionCount, 4)
    await first.metadata.close()

    const second = await start(disk.afterPowerCut(() => 0))
    const loaded = second.registry.image.topics.get('orders')
    assert.deepEqual(loaded, registry.image.topics.get('orders'))
    assert.equal(second.registry.image.clusterId, registry.image.clusterId)
    assert.equal(second.registry.image.topicsById.get(created.topicId), loaded)
    assert.equal(second.registry.image.partitionCount, 4)
    // The versions are known again: changes go on.
    ok(await second.registry.setTopicConfigs('orders', () => new Map([['retention.ms', '7']])))
    ok(await second.registry.createPartitions('orders', 4, [[0]]))
    assert.equal(error(await second.registry.deleteTopic('orders', 'AAAAAAAAAAAAAAAAAAAAAA')), 'unknownTopic')
    assert.equal(ok(await second.registry.deleteTopic('orders', created.topicId)).topicId, created.topicId)
    assert.equal(error(await second.registry.deleteTopic('orders')), 'unknownTopic')
    assert.equal(second.registry.image.partitionCount, 0)
    const left = (await tree(second.store)).filter((path) => !path.startsWith('/config/changes/'))
    assert.deepEqual(left, empty)
    const reborn = ok(await second.registry.createTopic({ name: 'orders', partitions: [[0]], configs: new Map() }))
    assert.notEqual(reborn.topicId, created.topicId)
    assert.deepEqual(second.changes, [
      'topicConfigsChanged orders',
      'partitionsCreated orders',
      'topicDeleted orders',
      'topicCreated orders',
    ])
    await second.metadata.close()
  })

  test('nothing of a topic is there before all of it is', async () => {
    const disk = new FaultDisk()
    const { registry, store, metadata, changes } = await start(disk)
    ok(await registry.createTopic({ name: 'a', partitions: [[0]], configs: new Map() }))
    const before = await tree(store)
    disk.fault = (call) => (call === 'write' ? 'ENOSPC' : null)
    const refused = await registry.createTopic({ name: 'b', partitions: [[0], [0]], configs: new Map() })
    assert.ok(!refused.ok && refused.error === 'storeFailed' && refused.failure.code === 'storageError')
    assert.equal(error(await registry.deleteTopic('a')), 'storeFailed')
    assert.equal(error(await registry.setTopicConfigs('a', () => new Map([['x', 'y']]))), 'storeFailed')
    disk.fault = null
    assert.deepEqual(await tree(store), before)
    assert.deepEqual([...registry.image.topics.keys()], ['a'])
    assert.equal(registry.image.topics.get('a')?.configs.size, 0)
    assert.deepEqual(changes, ['topicCreated a'])
    ok(await registry.createTopic({ name: 'b', partitions: [[0], [0]], configs: new Map() }))
    await metadata.close()
  })

  test('changes at once neither get lost nor overwrite each other', async () => {
    const { registry, metadata } = await start(new FaultDisk())
    const created = await Promise.all(
      Array.from({ length: 5 }, () => registry.createTopic({ name: 't', partitions: [[0]], configs: new Map() })),
    )
    assert.deepEqual(created.map(error).sort(), ['ok', 'topicExists', 'topicExists', 'topicExists', 'topicExists'])
    const altered = await Promise.all([
      ...Array.from({ length: 20 }, (_, i) =>
        registry.setTopicConfigs('t', (current) => new Map([...current, [`key.${i}`, String(i)]])),
      ),
      registry.createPartitions('t', 1, [[0]]),
      registry.createPartitions('t', 1, [[0], [0]]),
      ...Array.from({ length: 20 }, (_, i) =>
        registry.setBrokerConfigs('<default>', (current) => new Map([...current, [`key.${i}`, String(i)]])),
      ),
    ])
    assert.equal(altered.filter((outcome) => error(outcome) === 'concurrentChange').length, 1)
    assert.equal(registry.image.topics.get('t')?.configs.size, 20)
    assert.equal(registry.image.topics.get('t')?.partitions.length, 2)
    assert.equal(registry.image.brokerConfigs.get('<default>')?.size, 20)
    const [deleted, configured] = await Promise.all([
      registry.deleteTopic('t'),
      registry.setTopicConfigs('t', () => new Map([['late', '1']])),
    ])
    assert.ok(deleted.ok)
    assert.equal(error(configured), 'unknownTopic')
    await metadata.close()
  })

  test('settings of groups are kept through a restart, whatever the name of the group', async () => {
    const disk = new FaultDisk()
    const first = await start(disk)
    const ids = ['app', '..', 'a/b', 'größe %2E', ' ']
    for (const [i, id] of ids.entries()) ok(await first.registry.setGroupConfigs(id, () => new Map([['n', String(i)]])))
    ok(await first.registry.setGroupConfigs('app', (current) => new Map([...current, ['m', '1']])))
    assert.deepEqual(first.changes.at(-1), 'groupConfigsChanged app')
    await first.metadata.close()
    const { registry, metadata } = await start(disk)
    assert.deepEqual([...registry.image.groupConfigs.keys()].sort(), [...ids].sort())
    assert.deepEqual(Object.fromEntries(registry.image.groupConfigs.get('app') ?? []), { n: '0', m: '1' })
    ok(await registry.setGroupConfigs('..', () => new Map()))
    assert.equal(registry.image.groupConfigs.has('..'), false)
    assert.equal(registry.image.brokerConfigs.size, 0)
    await metadata.close()
  })

  test('what another writer did is read before trying again', async () => {
    const { registry, store, metadata } = await start(new FaultDisk())
    ok(await registry.createTopic({ name: 't', partitions: [[0]], configs: new Map([['a', '1']]) }))
    assert.ok((await store.set('/config/topics/t', Buffer.from('{"version":1,"config":{"b":"2"}}'), anyVersion)).ok)
    const topic = ok(await registry.setTopicConfigs('t', (current) => new Map([...current, ['c', '3']])))
    assert.deepEqual(
      [...topic.configs],
      [
        ['b', '2'],
        ['c', '3'],
      ],
    )
    assert.ok((await store.create('/config/topics/left', Buffer.from('{"version":1,"config":{"old":"1"}}'))).ok)
    ok(await registry.createTopic({ name: 'left', partitions: [[0]], configs: new Map([['new', '2']]) }))
    ok(await registry.setTopicConfigs('left', (current) => new Map([...current, ['more', '3']])))
    assert.deepEqual(
      [...(registry.image.topics.get('left')?.configs ?? [])],
      [
        ['new', '2'],
        ['more', '3'],
      ],
    )
    await metadata.close()
  })

  test('a controller that lost office changes nothing (C1)', async () => {
    const { registry, store, metadata } = await start(new FaultDisk())
    ok(await registry.createTopic({ name: 't', partitions: [[0]], configs: new Map() }))
    assert.ok((await store.set('/controller_epoch', Buffer.from('9'), anyVersion)).ok)
    const before = await tree(store)
    assert.equal(
      error(await registry.createTopic({ name: 'u', partitions: [[0]], configs: new Map() })),
      'notController',
    )
    assert.equal(error(await registry.createPartitions('t', 1, [[0]])), 'notController')
    assert.equal(error(await registry.setTopicConfigs('t', () => new Map())), 'notController')
    assert.equal(error(await registry.setBrokerConfigs('0', () => new Map())), 'notController')
    assert.equal(error(await registry.startNewLeaderEpochs()), 'notController')
    assert.equal(error(await registry.deleteTopic('t')), 'notController')
    assert.deepEqual(await tree(store), before)
    await metadata.close()
  })

  test('new leader epochs survive, and partition epochs move with them', async () => {
    const disk = new FaultDisk()
    const { registry, metadata, changes } = await start(disk)
    ok(await registry.createTopic({ name: 't', partitions: [[0], [0, 1], [1]], configs: new Map() }))
    assert.equal(ok(await registry.startNewLeaderEpochs()), 2)
    const epochs = (from: TopicRegistry) =>
      from.image.topics.get('t')?.partitions.map(({ leaderEpoch, partitionEpoch }) => [leaderEpoch, partitionEpoch])
    assert.deepEqual(epochs(registry), [
      [1, 1],
      [1, 1],
      [0, 0],
    ])
    assert.deepEqual(changes, ['topicCreated t', 'partitionsChanged t'])
    await metadata.close()
    const again = await start(disk)
    assert.deepEqual(epochs(again.registry), [
      [1, 1],
      [1, 1],
      [0, 0],
    ])
    assert.equal(ok(await again.registry.startNewLeaderEpochs()), 2)
    await again.metadata.close()
  })

  test('notifications of changed configs go after a quarter of an hour', async () => {
    let now = 1_700_000_000_000
    const movable = { nowMs: () => now, monotonicMs: () => now }
    const { registry, store, metadata } = await start(new FaultDisk(), { clock: movable })
    const notifications = async () => {
      const children = await store.children('/config/changes')
      assert.ok(children.ok)
      return children.value.names
    }
    ok(await registry.setBrokerConfigs('0', () => new Map([['a', '1']])))
    ok(await registry.setBrokerConfigs('0', () => new Map([['a', '2']])))
    assert.deepEqual(await notifications(), ['config_change_0000000000', 'config_change_0000000001'])
    now += 16 * 60 * 1000
    ok(await registry.setBrokerConfigs('0', () => new Map([['a', '3']])))
    assert.deepEqual(await notifications(), ['config_change_0000000002'])
    await metadata.close()
  })
})

describe('brokers, controllers and producer ids', () => {
  test('a second broker with the same id is refused; the broker epoch rises over restarts (C6)', async () => {
    const disk = new FaultDisk()
    const metadata = openEmbedded(disk)
    const [one, two] = [metadata.openSession(), metadata.openSession()]
    for (const store of [one])
      await TopicRegistry.open(
        { brokerId: 0, term: { epoch: 1, epochZnodeVersion: 0 } },
        { store, clock, secureRandom },
      )
    const first = await registerBroker(one, 4, registration)
    assert.ok(first.ok)
    assert.deepEqual(await registerBroker(one, 4, registration), first)
    assert.deepEqual(await registerBroker(two, 4, registration), { ok: false, error: 'brokerIdInUse' })
    const stored = await two.get('/brokers/ids/4')
    assert.ok(stored.ok)
    assert.deepEqual(brokerIdZnode.decode(4, stored.value.data), registration)
    await metadata.expireSession(one.sessionId)
    const second = await registerBroker(two, 4, registration)
    assert.ok(second.ok && second.brokerEpoch > first.brokerEpoch)
    const claims = await Promise.all([
      claimController(two, 4, clock),
      claimController(metadata.openSession(), 5, clock),
    ])
    assert.deepEqual(claims.map(error).sort(), ['controllerElsewhere', 'ok'])
    await metadata.close()
    const restarted = openEmbedded(disk)
    const store = restarted.openSession()
    const third = await registerBroker(store, 4, registration)
    assert.ok(third.ok && third.brokerEpoch > second.brokerEpoch)
    const claim = await claimController(store, 4, clock)
    assert.ok(claim.ok && claim.term.epoch === 2 && claim.term.epochZnodeVersion === 2)
    await restarted.close()
  })

  test('no producer id is given twice, whatever operation a crash hits (P5)', async () => {
    const boot = new FaultDisk()
    const { metadata } = await start(boot)
    await metadata.close()
    let crashes = 0
    for (let stopAt = 0; stopAt < 12; stopAt++) {
      for (let seed = 1; seed <= 10; seed++) {
        const disk = boot.afterPowerCut(() => 0)
        const given: number[] = []
        const running = openEmbedded(disk)
        const allocate = async (at: EmbeddedMetadata) => {
          const registry = await TopicRegistry.open(
            { brokerId: 0, term: { epoch: 1, epochZnodeVersion: 1 } },
            { store: at.openSession(), clock, secureRandom },
          )
          return registry
        }
        const registry = await allocate(running)
        disk.operations = 0
        disk.stopAt = stopAt
        await new Promise<void>((resolve) => {
          const next = async (): Promise<void> => {
            for (let i = 0; i < 4; i++) given.push(ok(await registry.allocateProducerIdBlock()).firstProducerId)
            resolve()
          }
          void next()
          const poll = () => (disk.stopped ? resolve() : given.length < 4 && setImmediate(poll))
          poll()
        })
        if (disk.stopped) crashes++
        const after = openEmbedded(seed % 2 === 0 ? disk.afterKill() : disk.afterPowerCut(seeded(stopAt * 50 + seed)))
        const again = await allocate(after)
        for (let i = 0; i < 2; i++) given.push(ok(await again.allocateProducerIdBlock()).firstProducerId)
        assert.equal(new Set(given).size, given.length, `stop at ${stopAt}, seed ${seed}: ${given}`)
        assert.ok(given.every((id) => id % 1000 === 0))
        await after.close()
      }
    }
    assert.ok(crashes >= 50, `${crashes} crashes`)
    assert.ok(MachineStopped)
  })

  test('producer ids end with the safe integers', async () => {
    const { registry, store, metadata } = await start(new FaultDisk())
    const last = Number.MAX_SAFE_INTEGER - 500
    const block = JSON.stringify({ version: 1, broker: 0, block_start: String(last - 999), block_end: String(last) })
    assert.ok((await store.set('/latest_producer_id_block', Buffer.from(block), anyVersion)).ok)
    assert.equal(error(await registry.allocateProducerIdBlock()), 'exhausted')
    await metadata.close()
  })
})

test('a thousand topics with five thousand partitions are loaded', async () => {
  const disk = new FaultDisk()
  const { registry, metadata } = await start(disk)
  const partitions = Array.from({ length: 5 }, () => [0])
  const created = await Promise.all(
    Array.from({ length: 1000 }, (_, i) =>
      registry.createTopic({ name: `topic-${i}`, partitions, configs: new Map() }),
    ),
  )
  assert.ok(created.every((outcome) => outcome.ok))
  await metadata.close()
  const before = performance.now()
  const again = await start(disk)
  const took = performance.now() - before
  console.log(
    `opened and loaded 1,000 topics with 5,000 partitions in ${took.toFixed(0)} ms (journal ${disk.content('/data/metadata/journal-0').length} bytes)`,
  )
  assert.equal(again.registry.image.topics.size, 1000)
  assert.equal(again.registry.image.partitionCount, 5000)
  assert.equal(topicZnode.path('topic-1'), '/brokers/topics/topic-1')
  await again.metadata.close()
})
