import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  ConsumerProtocolSubscription,
  ErrorCode,
  encodeVersioned,
  JoinGroupRequest,
  LeaveGroupRequest,
} from '@ottla/protocol'
import { ClassicClient } from '../../support/classic-client.ts'
import { ConsumerBench, type ConsumerClient, PARTITION, stateOf } from '../../support/consumer-bench.ts'
import { wire } from '../../support/group-bench.ts'
import { Seeded } from '../../support/seeded.ts'

type Client = ClassicClient | ConsumerClient

function bench(partitions = 6): ConsumerBench {
  const made = new ConsumerBench()
  made.topic('t', partitions)
  return made
}

function run(b: ConsumerBench, clients: readonly Client[], rounds = 8): void {
  for (let i = 0; i < rounds; i++) {
    for (const client of clients) client.beat()
    b.host.advance(100)
  }
}

/** Everything is somebody's, and nothing two's. */
function checkShared(b: ConsumerBench, clients: readonly Client[]): void {
  const all = clients.flatMap(({ owned }) => Object.entries(owned).flatMap(([t, ps]) => ps.map((p) => `${t}:${p}`)))
  const expected = [...b.topics.values()].flatMap(({ name, partitions }) =>
    Array.from({ length: partitions }, (_, p) => `${name}:${p}`),
  )
  assert.deepEqual(all.sort(), expected.sort())
}

for (const isCooperative of [false, true]) {
  const kind = isCooperative ? 'cooperative' : 'eager'
  test(`members move to the consumer protocol one by one: ${kind}`, () => {
    const b = bench()
    const old = ['x', 'y'].map((name) => new ClassicClient(b, name, ['t'], isCooperative))
    run(b, old)
    checkShared(b, old)
    assert.equal(b.groups.list().groups[0].type, 'Classic')
    const first = b.client('a')
    run(b, [...old, first])
    checkShared(b, [...old, first])
    assert.equal(b.groups.list().groups[0].type, 'Consumer')
    assert.deepEqual(
      b
        .describe()!
        .members.map(({ memberType }) => memberType)
        .sort(),
      [0, 0, 1],
    )
    assert.equal(b.describe()!.groupState, 'Stable')
    assert.equal(b.commitAs(old[0].memberId, old[0].generation, 't', 0), ErrorCode.NONE)
    assert.equal(b.commitAs(old[0].memberId, old[0].generation - 1, 't', 0), ErrorCode.ILLEGAL_GENERATION)
    old[0].leave()
    const second = b.client('c')
    run(b, [old[1], first, second])
    checkShared(b, [old[1], first, second])
    old[1].leave()
    run(b, [first, second])
    checkShared(b, [first, second])
    assert.deepEqual(
      b.describe()!.members.map(({ memberType }) => memberType),
      [1, 1],
    )
    assert.deepEqual(b.host.bugs, [])
  })

  test(`and back, over a restart: ${kind}`, () => {
    const b = bench()
    const first = b.client('a')
    run(b, [first], 1)
    const old = ['x', 'y'].map((name) => new ClassicClient(b, name, ['t'], isCooperative))
    run(b, [first, ...old])
    checkShared(b, [first, ...old])
    b.load()
    run(b, [first, ...old], 2)
    checkShared(b, [first, ...old])
    first.leave()
    assert.equal(b.groups.list().groups[0].type, 'Classic')
    run(b, old)
    checkShared(b, old)
    assert.ok(old.every(({ isStable }) => isStable))
    b.load()
    run(b, old, 2)
    checkShared(b, old)
    assert.deepEqual(b.host.bugs, [])
  })
}

test('the policy says which way groups may go', () => {
  const b = bench()
  b.config.consumer = { ...b.config.consumer, migrationPolicy: 'downgrade' }
  const old = new ClassicClient(b, 'x', ['t'])
  run(b, [old])
  const first = b.client('a')
  assert.equal(first.beat()!.errorCode, ErrorCode.GROUP_ID_NOT_FOUND)
  b.config.consumer = { ...b.config.consumer, migrationPolicy: 'upgrade' }
  run(b, [old, first])
  checkShared(b, [old, first])
  first.leave()
  assert.equal(b.groups.list().groups[0].type, 'Consumer', 'its classic member stays in it')
  run(b, [old])
  checkShared(b, [old])
})

test('a group without members changes its protocol in any case', () => {
  const b = bench()
  b.config.consumer = { ...b.config.consumer, migrationPolicy: 'disabled' }
  const old = new ClassicClient(b, 'x', ['t'])
  const first = b.client('a')
  for (let i = 0; i < 2; i++) {
    run(b, [old])
    assert.equal(b.groups.list().groups[0].type, 'Classic')
    old.leave()
    b.host.advance(1)
    old.memberId = ''
    first.beat()
    assert.equal(b.groups.list().groups[0].type, 'Consumer')
    first.leave()
  }
})

test('who is no member does not make an empty group one of the classic protocol', () => {
  const b = bench()
  const first = b.client('a')
  run(b, [first])
  first.leave()
  const { groupEpoch } = b.describe()!
  const stranger = new ClassicClient(b, 'x', ['t'])
  stranger.memberId = 'of another time'
  stranger.beat()
  assert.equal(stranger.lastError, ErrorCode.UNKNOWN_MEMBER_ID)
  assert.equal(b.describe()!.groupEpoch, groupEpoch)
})

test('the last member of the consumer protocol goes, whatever another says of a way of assigning', () => {
  const b = bench()
  const first = b.client('a')
  run(b, [first])
  const said = encodeVersioned(ConsumerProtocolSubscription, 1, { topics: ['t'], userData: null, ownedPartitions: [] })
  const none = Buffer.alloc(0)
  const offers: [string, Buffer][][] = [
    [
      ['range', said],
      ['own', none],
    ],
    [['own', said]],
  ]
  for (const [i, protocols] of offers.entries()) {
    const body = wire(JoinGroupRequest, {
      groupId: 'g',
      memberId: '',
      sessionTimeoutMs: 10_000,
      rebalanceTimeoutMs: 60_000,
      protocolType: 'consumer',
      protocols: protocols.map(([name, metadata]) => ({ name, metadata })),
    })
    const caller = { apiVersion: 3, clientId: `c${i}`, clientHost: '/127.0.0.1' }
    b.groups.join(caller, body, ({ errorCode }) => assert.equal(errorCode, ErrorCode.NONE))
  }
  assert.equal(first.leave()!.errorCode, ErrorCode.NONE)
  assert.equal(b.groups.list().groups[0].type, 'Classic')
  assert.deepEqual(b.host.bugs, [])
})

test('an operator removes members of either protocol by LeaveGroup', () => {
  const b = bench()
  const fixed = b.client('a', ['t'], { instanceId: 'i' })
  const other = b.client('b')
  run(b, [fixed, other])
  const errorCodes: number[][] = []
  const members = [
    { memberId: '', groupInstanceId: 'i' },
    { memberId: 'b', groupInstanceId: null },
    { memberId: 'b', groupInstanceId: 'i' },
    { memberId: 'c', groupInstanceId: null },
  ]
  const body = wire(LeaveGroupRequest, { groupId: 'g', members: members.map((one) => ({ ...one, reason: null })) })
  b.groups.leave(body, ({ members }) => errorCodes.push((members ?? []).map(({ errorCode }) => errorCode)))
  const { NONE, UNKNOWN_MEMBER_ID } = ErrorCode
  assert.deepEqual(errorCodes, [[NONE, NONE, UNKNOWN_MEMBER_ID, UNKNOWN_MEMBER_ID]])
  assert.equal(b.describe()!.members.length, 0)
})

test('a classic member that was only given a name keeps nobody from the consumer protocol', () => {
  const b = bench()
  const named = new ClassicClient(b, 'x', ['t'])
  named.beat()
  assert.equal(named.lastError, ErrorCode.MEMBER_ID_REQUIRED)
  const first = b.client('a')
  assert.equal(first.beat()!.errorCode, ErrorCode.NONE)
  // It is not known any more, and joins as everybody does.
  run(b, [named, first])
  checkShared(b, [named, first])
  // Its name runs out, which means nothing to anybody.
  b.host.advance(20_000)
  assert.deepEqual(b.host.bugs, [])
})

test('a static instance is restarted with the other protocol, and keeps what it has', () => {
  const b = bench()
  const old = new ClassicClient(b, 'x', ['t'], false, 'i')
  const other = b.client('o')
  run(b, [old])
  run(b, [old, other])
  const had = old.owned
  const { groupEpoch } = b.describe()!
  const next = b.client('n', ['t'], { instanceId: 'i' })
  run(b, [next, other], 2)
  assert.deepEqual([next.owned, b.describe()!.groupEpoch], [had, groupEpoch])
  old.beat()
  assert.equal(old.lastError, ErrorCode.FENCED_INSTANCE_ID)
})

for (const wantsOther of [false, true]) {
  test(`static members are restarted with the classic protocol, one by one${wantsOther ? ', wanting more' : ''}`, () => {
    const b = bench()
    b.topic('u', 2)
    const clients = ['a', 'b'].map((name) => b.client(name, ['t'], { instanceId: name }))
    run(b, clients)
    const had = clients.map(({ owned }) => owned)
    const first = new ClassicClient(b, 'x', ['t'], false, 'a')
    run(b, [first, clients[1]])
    assert.equal(b.groups.list().groups[0].type, 'Consumer')
    const second = new ClassicClient(b, 'y', wantsOther ? ['t', 'u'] : ['t'], false, 'b')
    run(b, [first, second])
    assert.equal(b.groups.list().groups[0].type, 'Classic')
    assert.ok([first, second].every(({ isStable }) => isStable))
    if (wantsOther) checkShared(b, [first, second])
    else assert.deepEqual([first.owned, second.owned], had)
    b.load()
    run(b, [first, second], 2)
    assert.ok([first, second].every(({ isStable }) => isStable))
    assert.deepEqual(b.host.bugs, [])
  })
}

test('a classic member that does not join again in time is out', () => {
  const b = bench()
  const old = new ClassicClient(b, 'x', ['t'])
  const first = b.client('a')
  run(b, [old])
  first.beat()
  for (let i = 0; i < 15; i++) {
    b.host.advance(5_000)
    first.beat()
  }
  assert.equal(b.describe()!.members.length, 1)
  checkShared(b, [first])
})

test('a failed append leaves the group what it was', () => {
  const b = bench()
  const old = new ClassicClient(b, 'x', ['t'])
  const first = b.client('a')
  run(b, [old])
  b.host.appendError = ErrorCode.NOT_ENOUGH_REPLICAS
  first.beat()
  b.host.appendError = 0
  assert.equal(b.groups.list().groups[0].type, 'Classic')
  run(b, [old, first])
  b.host.appendError = ErrorCode.NOT_ENOUGH_REPLICAS
  b.beat({ memberId: 'a', memberEpoch: -1 })
  b.host.appendError = 0
  assert.equal(b.groups.list().groups[0].type, 'Consumer')
  run(b, [old, first])
  checkShared(b, [old, first])
  assert.deepEqual(b.host.bugs, [])
})

test('a classic member whose leaving could not be stored is out when its session is over', () => {
  const b = bench()
  const old = new ClassicClient(b, 'x', ['t'])
  const first = b.client('a')
  run(b, [old])
  run(b, [old, first])
  b.host.appendError = ErrorCode.NOT_ENOUGH_REPLICAS
  old.leave()
  b.host.appendError = 0
  assert.equal(b.describe()!.members.length, 2)
  for (let i = 0; i < 15; i++) {
    b.host.advance(1_000)
    first.beat()
  }
  assert.equal(b.describe()!.members.length, 1)
  checkShared(b, [first])
})

test('histories of members of both protocols: one owner each, a fresh shard comes to the same, all is shared in the end', () => {
  for (let seed = 1; seed <= 150; seed++) {
    try {
      history(seed)
    } catch (error) {
      throw new Error(`seed ${seed}: ${(error as Error).message}`, { cause: error })
    }
  }
})

function history(seed: number): void {
  const random = new Seeded(seed)
  const b = bench(1 + random.below(6))
  let clients: Client[] = []
  for (let step = 0; step < 80; step++) {
    const roll = random.below(100)
    if (roll < 8 && clients.length < 5) clients.push(b.client(`c${step}`))
    else if (roll < 16 && clients.length < 5) clients.push(new ClassicClient(b, `x${step}`, ['t'], random.chance(50)))
    else if (roll < 22 && clients.length > 0) {
      const gone = random.pick(clients)
      if (random.chance(70)) gone.leave()
      clients = clients.filter((client) => client !== gone)
    } else if (roll < 26) b.host.advance(random.below(8_000))
    else if (roll < 29) b.topic('t', b.topics.get('t')!.partitions + 1)
    else if (roll < 32) b.load()
    else if (roll < 36 && clients.length > 0) {
      b.host.appendError = ErrorCode.NOT_ENOUGH_REPLICAS
      random.pick(clients).beat()
      b.host.appendError = 0
    } else if (clients.length > 0) random.pick(clients).beat()
    b.host.advance(10)
    check(b, clients)
  }
  for (let i = 0; i < 60; i++) {
    run(b, clients, 1)
    b.host.advance(2_000)
    check(b, clients)
  }
  if (clients.length === 0) return
  const isConsumer = b.describe() !== null
  if (isConsumer || clients.every((client) => client instanceof ClassicClient)) checkShared(b, clients)
  assert.equal(b.groups.list().groups.length, 1)
}

function check(b: ConsumerBench, clients: readonly Client[]): void {
  assert.deepEqual(b.host.bugs, [])
  const copy = new ConsumerBench()
  b.host.feed(PARTITION, copy.runtime.load(PARTITION))
  assert.deepEqual(stateOf(copy), stateOf(b))
  assert.deepEqual([...copy.machine!.classic.stored.entries()], [...b.machine!.classic.stored.entries()])
  const group = b.machine!.consumer.get('g')
  if (group === undefined) return
  const { topicId } = b.topics.get('t')!
  const owners = new Map<number, string>()
  for (const memberId of group.subscriptions.keys()) {
    const { assigned, pendingRevocation } = group.current(memberId)
    for (const owned of [assigned, pendingRevocation]) {
      for (const partition of owned.get(topicId)?.keys() ?? []) {
        assert.equal(owners.get(partition), undefined, `${partition} has two owners`)
        owners.set(partition, memberId)
      }
    }
  }
  for (const { memberId, owned } of clients) {
    if (!group.has(memberId)) continue
    for (const partition of owned.t ?? []) assert.equal(owners.get(partition), memberId, `${partition} is another's`)
  }
}
