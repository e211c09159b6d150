/** What an administrator does with topics. */
import assert from 'node:assert/strict'
import { Unsupported } from '../contract.ts'
import { createTopic } from '../raw.ts'
import { eventually, type Facts, type Scenario } from './scenario.ts'

/** Runs a step; where the client has no such function it is listed instead. */
async function step<Result>(missing: string[], name: string, act: () => Promise<Result>): Promise<Result | undefined> {
  try {
    return await act()
  } catch (error) {
    if (!(error instanceof Unsupported)) throw new Error(`${name}: ${(error as Error).message}`)
    missing.push(name)
    return undefined
  }
}

export const admin: Scenario = {
  name: 'admin',
  async run({ broker, client, topic: name }) {
    const { bootstrap, port } = broker
    const topic = name()
    const missing: string[] = []
    const configs = { 'retention.ms': '3600000', 'cleanup.policy': 'compact' }
    const created = await step(missing, 'createTopic', () =>
      client.ask<'createTopic'>(bootstrap, { op: 'createTopic', topic, partitions: 3, configs }),
    )
    if (created === undefined) await createTopic(port, topic, 3, configs)
    const describe = () => client.ask<'describeTopic'>(bootstrap, { op: 'describeTopic', topic })
    const described = await step(missing, 'describeTopic', () => eventually(describe, (one) => one.partitions === 3))
    if (described !== undefined) assert.equal(described.partitions, 3, 'partitions after createTopic')
    const names = ['retention.ms', 'cleanup.policy', 'max.message.bytes']
    const configured = await step(missing, 'describeConfigs', () =>
      client.ask<'describeConfigs'>(bootstrap, { op: 'describeConfigs', topic, names }),
    )
    if (configured !== undefined) {
      assert.deepEqual(configured.configs, { ...configs, 'max.message.bytes': '1048588' }, 'configs after createTopic')
    }
    const set = { 'retention.ms': '7200000' }
    const altered = await step(missing, 'alterConfigs', () =>
      client.ask<'alterConfigs'>(bootstrap, { op: 'alterConfigs', topic, set }),
    )
    if (altered !== undefined && configured !== undefined) {
      const read = () =>
        client.ask<'describeConfigs'>(bootstrap, { op: 'describeConfigs', topic, names: Object.keys(set) })
      const now = await eventually(read, (one) => one.configs['retention.ms'] === set['retention.ms'])
      assert.deepEqual(now.configs, set, 'configs after alterConfigs')
    }
    const added = await step(missing, 'createPartitions', () =>
      client.ask<'createPartitions'>(bootstrap, { op: 'createPartitions', topic, total: 5 }),
    )
    if (added !== undefined && described !== undefined) {
      const now = await eventually(describe, (one) => one.partitions === 5)
      assert.equal(now.partitions, 5, 'partitions after createPartitions')
    }
    const listed = await step(missing, 'listTopics', () => client.ask<'listTopics'>(bootstrap, { op: 'listTopics' }))
    if (listed !== undefined) assert.ok(listed.topics.includes(topic), 'the new topic in the list')
    const deleted = await step(missing, 'deleteTopic', () =>
      client.ask<'deleteTopic'>(bootstrap, { op: 'deleteTopic', topic }),
    )
    if (deleted !== undefined && listed !== undefined) {
      const read = () => client.ask<'listTopics'>(bootstrap, { op: 'listTopics' })
      const now = await eventually(read, (one) => !one.topics.includes(topic))
      assert.ok(!now.topics.includes(topic), 'the deleted topic in the list')
    }
    return missing.length > 0 ? ({ 'not in this client': missing } as Facts) : {}
  },
}
