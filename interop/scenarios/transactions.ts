/** Transactions: what is seen of them, offsets in them, and who may go on. */
import assert from 'node:assert/strict'
import type { JoinRequest, TransactRequest } from '../contract.ts'
import { Group } from '../group.ts'
import { createTopic } from '../raw.ts'
import { eventually, produceRequest, type Scenario, type ScenarioContext } from './scenario.ts'

type Part = Pick<TransactRequest, 'end'> & { values: string[]; offsets?: boolean }

/** A producer with that id in a program of its own, or in that of a member. */
function transactor(context: ScenarioContext, topic: string, transactionalId: string, program = context.crew.take()) {
  return ({ values, end, offsets = false }: Part) => {
    const records = values.map((value) => ({ topic, partition: 0, value }))
    return program.ask<'transact'>(context.broker.bootstrap, { op: 'transact', transactionalId, records, offsets, end })
  }
}

/** What a member of a new group reads of the topic, up to `last`. */
async function view(
  context: ScenarioContext,
  topic: string,
  isolation: JoinRequest['isolation'],
  last: string,
): Promise<string[]> {
  const group = new Group(context, [topic], { isolation })
  const reader = await group.join()
  const values = reader.records
  await group.until(`${isolation}: ${last}`, () => values.at(-1)?.value === last)
  await group.leave(reader)
  return values.map(({ value }) => value!)
}

const commitAndAbort: Scenario = {
  name: 'transactions',
  beside: true,
  async run(context) {
    const { broker, helper } = context
    const topic = context.topic()
    await createTopic(broker.port, topic, 1)
    const act = transactor(context, topic, context.topic())
    await act({ values: ['committed 1', 'committed 2'], end: 'commit' })
    await act({ values: ['aborted 1'], end: 'abort' })
    await act({ values: ['two turns 1'], end: 'open' })
    const plain = [{ key: null, value: 'without a transaction' }]
    await helper.ask<'produce'>(broker.bootstrap, produceRequest(topic, plain))
    const all = ['committed 1', 'committed 2', 'aborted 1', 'two turns 1', 'without a transaction']
    assert.deepEqual(await view(context, topic, 'read_uncommitted', all.at(-1)!), all)
    await act({ values: ['two turns 2'], end: 'commit' })
    const committed = ['committed 1', 'committed 2', 'two turns 1', 'without a transaction', 'two turns 2']
    assert.deepEqual(await view(context, topic, 'read_committed', 'two turns 2'), committed)
    return {}
  },
}

/** An aborted turn is read again by the next member, a committed one is not. */
const consumeTransformProduce: Scenario = {
  name: 'transactions-offsets',
  beside: true,
  async run(context) {
    const transactionalId = context.topic()
    const to = context.topic()
    await createTopic(context.broker.port, to, 1)
    const group = new Group(context, [context.topic()], { transactionalId, maxPollRecords: 5 })
    await group.create(1)
    await group.produce(10)
    const turn = async (end: 'commit' | 'abort', expected: number) => {
      const member = await group.join()
      await group.until('five records', () => member.records.length >= 5)
      const values = member.records.map(({ offset }) => `${end} ${offset}`)
      await transactor(context, to, transactionalId, member.program)({ values, offsets: true, end })
      // The markers of a transaction are written after its end was answered.
      const read = async () => {
        await group.readCommitted()
        return group.committedOf(0)
      }
      await eventually(read, (offset) => offset === expected)
      assert.equal(group.committedOf(0), expected, `committed after a transaction to ${end}`)
      await group.crash(member)
      return values
    }
    const first = await turn('commit', 5)
    await turn('abort', 5)
    const last = await turn('commit', 10)
    assert.deepEqual(await view(context, to, 'read_committed', 'commit 9'), [...first, ...last])
    return {}
  },
}

const zombie: Scenario = {
  name: 'transactions-fencing',
  beside: true,
  async run(context) {
    const topic = context.topic()
    const id = context.topic()
    await createTopic(context.broker.port, topic, 1)
    const old = transactor(context, topic, id)
    await old({ values: ['of the old one'], end: 'open' })
    const successor = transactor(context, topic, id)
    await successor({ values: ['of the next one'], end: 'commit' })
    await assert.rejects(old({ values: ['of a zombie'], end: 'commit' }), /fence|epoch/i)
    await successor({ values: ['the last'], end: 'commit' })
    assert.deepEqual(await view(context, topic, 'read_committed', 'the last'), ['of the next one', 'the last'])
    return {}
  },
}

export const transactions: readonly Scenario[] = [commitAndAbort, consumeTransformProduce, zombie]
