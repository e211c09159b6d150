/** Groups: who gets which partition, and where it goes on. */
import assert from 'node:assert/strict'
import { type JoinRequest, Unsupported } from '../contract.ts'
import { Group, type Member } from '../group.ts'
import { createTopic } from '../raw.ts'
import type { Scenario, ScenarioContext } from './scenario.ts'

/** Partitions that stay with their member are never taken from it. */
async function keepsWhatStays(group: Group, act: () => Promise<unknown>): Promise<void> {
  const before = group.members.map((member) => ({ member, had: new Set(member.assigned), lost: member.lost.length }))
  await act()
  for (const { member, had, lost } of before) {
    const stayed = [...had].filter((name) => member.assigned.has(name))
    const taken = member.lost.slice(lost).filter((name) => stayed.includes(name))
    assert.deepEqual(taken, [], 'partitions that were revoked and came back')
  }
}

/** Three members join, one leaves, one crashes; after each, every partition goes on at its committed offset. */
async function threeMembers(context: ScenarioContext, options: Partial<JoinRequest>, stays: boolean): Promise<void> {
  const group = new Group(context, [context.topic()], options)
  await group.create(6)
  await group.produce(5)
  const around = stays ? keepsWhatStays : (_: Group, act: () => Promise<unknown>) => act()
  const settled = async () => {
    await group.balanced()
    await group.readAll()
    await group.commit(2)
  }
  await group.join()
  await settled()
  await group.produce(5)
  await around(group, async () => {
    await Promise.all([group.join(), group.join()])
    await settled()
  })
  const [, leaving] = group.members as [Member, Member, Member]
  await group.leave(leaving)
  await around(group, settled)
  await group.produce(5)
  await group.crash(group.members[1]!)
  await around(group, settled)
}

const severalGroups: Scenario = {
  name: 'groups-topics',
  beside: true,
  async run(context) {
    const topics = [context.topic(), context.topic()]
    const one = new Group(context, topics)
    const other = new Group(context, topics)
    await one.create(3)
    await one.produce(4)
    for (const topic of topics) other.watch(topic, 3, 4)
    await Promise.all([one.join(), one.join(), other.join()])
    await Promise.all([one.balanced(), other.balanced()])
    await Promise.all([one.readAll(), other.readAll()])
    await other.commit()
    return {}
  },
}

const idle: Scenario = {
  name: 'group-idle-member',
  beside: true,
  async run(context) {
    const group = new Group(context, [context.topic()])
    await group.create(2)
    await group.produce(4)
    for (let i = 0; i < 3; i++) await group.join()
    await group.balanced(2)
    await group.readAll()
    await group.commit(1)
    // Whoever joined last may have made them all join again meanwhile.
    await group.balanced(2)
    await group.leave(group.members.find((member) => member.assigned.size > 0)!)
    await group.balanced(2)
    await group.readAll()
    return {}
  },
}

/** A static member comes back as if it had never been away. */
const staticMembers: Scenario = {
  name: 'group-static',
  beside: true,
  async run(context) {
    const group = new Group(context, [context.topic()], { sessionTimeoutMs: 20_000 })
    await group.create(4)
    await group.produce(4)
    const stays = await group.join({ instanceId: 'stays' })
    const bounces = await group.join({ instanceId: 'bounces' })
    await group.balanced()
    await group.readAll()
    await group.commit(1)
    const had = [...bounces.assigned].sort()
    const { rebalances, lost } = stays
    await group.crash(bounces)
    const back = await group.join({ instanceId: 'bounces' })
    await group.balanced()
    await group.readAll()
    assert.deepEqual([...back.assigned].sort(), had, 'partitions after the bounce')
    assert.equal(stays.rebalances, rebalances, 'rebalances that the other member saw')
    assert.deepEqual(stays.lost, lost, 'partitions that the other member lost')
    return {}
  },
}

/** Who joins with the instance id of a member puts that out. */
const doubleMember: Scenario = {
  name: 'group-static-double',
  beside: true,
  async run(context) {
    const { commitsByItself, joinsWhenFenced } = context.crew
    if (joinsWhenFenced !== undefined) throw new Unsupported(joinsWhenFenced)
    const topic = context.topic()
    const group = new Group(context, [topic], { instanceId: 'double' })
    await group.create(2)
    await group.produce(4)
    const first = await group.join()
    await group.balanced()
    await group.readAll()
    await group.commit(1)
    await group.join()
    group.members.splice(0, 1)
    await group.balanced()
    const fenced = new Group(context, [topic])
    fenced.members.push(first)
    // Not every client tells its reader, but none can commit any more.
    const offsets = [0, 1].map((partition) => ({ topic, partition, offset: 3 }))
    const out = fenced.until('put out', async () => {
      if (!commitsByItself) await first.program.ask<'commit'>('', { op: 'commit', offsets, async: false })
      return false
    })
    await assert.rejects(out, /fence|instance/i)
    return {}
  },
}

const staticConsumerProtocol: Scenario = {
  name: 'consumer-protocol-static',
  beside: true,
  async run(context) {
    const group = new Group(context, [context.topic()], { protocol: 'consumer' })
    await group.create(4)
    await group.produce(4)
    await group.join({ instanceId: 'stays' })
    const bounces = await group.join({ instanceId: 'bounces' })
    await group.balanced()
    await group.readAll()
    await group.commit(1)
    const had = [...bounces.assigned].sort()
    await keepsWhatStays(group, async () => {
      await group.leave(bounces)
      const back = await group.join({ instanceId: 'bounces' })
      await group.balanced()
      await group.readAll()
      assert.deepEqual([...back.assigned].sort(), had, 'partitions after the bounce')
    })
    return {}
  },
}

const regex: Scenario = {
  name: 'consumer-protocol-regex',
  beside: true,
  async run(context) {
    const stem = context.topic()
    const topics = [`${stem}-one`, `${stem}-two`]
    const group = new Group(context, topics, { protocol: 'consumer', topics: [], pattern: `${stem}-(one|two)` })
    await createTopic(context.broker.port, `${stem}-three`, 1)
    await group.create(2)
    await group.produce(4)
    await Promise.all([group.join(), group.join()])
    await group.balanced()
    await group.readAll()
    return {}
  },
}

/** A topic grows under a live group: the new partitions find owners, and what was written by then is read too. */
const partitionsAdded = (name: string, options: Partial<JoinRequest>, stays: boolean): Scenario => ({
  name,
  beside: true,
  async run(context) {
    const { missesNewPartitions } = context.crew
    if (missesNewPartitions !== undefined) throw new Unsupported(missesNewPartitions)
    const group = new Group(context, [context.topic()], options)
    await group.create(2)
    await group.produce(4)
    await Promise.all([group.join(), group.join()])
    await group.balanced()
    await group.readAll()
    await group.commit(1)
    const grown = async () => {
      await group.grow(4)
      await group.produce(3)
      await group.balanced()
      await group.readAll()
    }
    if (stays) await keepsWhatStays(group, grown)
    else await grown()
    await group.produce(3)
    await group.readAll()
    await group.commit()
    return {}
  },
})

const three = (name: string, options: Partial<JoinRequest>, stays: boolean): Scenario => ({
  name,
  beside: true,
  async run(context) {
    await threeMembers(context, options, stays)
    return {}
  },
})

export const groups: readonly Scenario[] = [
  three('group-of-3', {}, false),
  three('group-of-3-cooperative', { assignor: 'cooperative' }, true),
  severalGroups,
  idle,
  staticMembers,
  doubleMember,
  partitionsAdded('group-partitions-added', {}, false),
  three('consumer-protocol-of-3', { protocol: 'consumer' }, true),
  staticConsumerProtocol,
  regex,
  partitionsAdded('consumer-protocol-partitions-added', { protocol: 'consumer' }, true),
]
