/** A connection that is cut after the append. */
import assert from 'node:assert/strict'
import { setTimeout as delay } from 'node:timers/promises'
import type { ProduceRequest, Request } from '../contract.ts'
import { createTopic, endOffset, waitForEndOffset } from '../raw.ts'
import { partition, produceRequest, type Scenario } from './scenario.ts'

/** A proxy cuts the connection after the append and before the answer. */
const lostResponse = (name: string, more: Partial<ProduceRequest>, copies: number): Scenario => ({
  name: `lost-response-${name}`,
  async run(context) {
    const { broker, client, proxy } = context
    const topic = context.topic()
    await createTopic(broker.port, topic, 1)
    const cut = proxy.arm({ at: 'response' })
    const records = [{ key: 'once', value: 'lost response' }]
    try {
      await client.ask<'produce'>(`localhost:${proxy.port}`, produceRequest(topic, records, more))
    } finally {
      proxy.disarm()
    }
    await Promise.race([cut, delay(1000).then(() => assert.fail('the proxy saw no Produce request'))])
    assert.equal(await endOffset(broker.port, topic, partition), copies, 'copies in the log')
    return { copies }
  },
})

const lostConnectionAcks0: Scenario = {
  name: 'lost-response-acks-0',
  async run(context) {
    const { broker, client, proxy, helper } = context
    const topic = context.topic()
    await createTopic(broker.port, topic, 1)
    const appended = async () => void (await waitForEndOffset(broker.port, topic, partition, 1))
    const cut = proxy.arm({ at: 'append', appended })
    const records = [{ key: 'first', value: 'before the cut' }]
    const then = [{ key: 'second', value: 'after the cut' }]
    const request = produceRequest(topic, records, { acks: 0, then })
    try {
      await client.ask<'produce'>(`localhost:${proxy.port}`, request, () => cut)
    } finally {
      proxy.disarm()
    }
    // The second record may be lost on the dead connection: that is what acks=0 means.
    const count = await endOffset(broker.port, topic, partition)
    const read: Extract<Request, { op: 'consume' }> = { op: 'consume', topic, partition, offset: 0, count }
    const { records: stored } = await helper.ask<'consume'>(broker.bootstrap, read)
    const copies = (key: string) => stored.filter((record) => record.key === key).length
    assert.equal(copies('first'), 1, 'copies of the record before the cut')
    assert.ok(copies('second') <= 1, 'copies of the record after the cut')
    return { copies: 1 }
  },
}

export const lostResponses: readonly Scenario[] = [
  lostResponse('idempotent', { idempotent: true, acks: -1 }, 1),
  lostResponse('plain', { idempotent: false, acks: 1 }, 2),
  lostConnectionAcks0,
]
