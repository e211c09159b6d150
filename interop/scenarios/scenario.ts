/** What scenarios are made of. A failed expectation is an exception. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import type { RunningBroker } from '../../tools/peers/running-broker.ts'
import {
  type ConsumedRecord,
  type ProducedRecord,
  type ProduceRequest,
  type Request,
  Unsupported,
} from '../contract.ts'
import type { Crew } from '../crew.ts'
import type { FrameProxy } from '../frame-proxy.ts'
import type { Program } from '../program.ts'
import { createTopic, type StoredBatch, storedBatches, waitForEndOffset } from '../raw.ts'
import { contentBytes } from '../serve.ts'

export interface ScenarioContext {
  broker: RunningBroker
  client: Program
  /** A client that can do everything, for what the scenario needs besides the client under test. */
  helper: Program
  /** A listener of the same broker behind it, advertised by its port. */
  proxy: FrameProxy
  /** More programs of the client under test. */
  crew: Crew
  /** A new name for a topic or a group. */
  topic(): string
}

/** What a passed scenario leaves for comparison between brokers: no time, no address. */
export type Facts = Record<string, string | number | boolean | (string | number)[]>

export interface Scenario {
  name: string
  /** Runs beside scenarios of other clients: it measures nothing and leaves the proxy alone. */
  beside?: true
  run(context: ScenarioContext): Promise<Facts>
}

export const partition = 0

export function produceRequest(
  topic: string,
  records: ProducedRecord[],
  more: Partial<ProduceRequest> = {},
): ProduceRequest {
  return { op: 'produce', topic, partition, codec: 'none', acks: -1, idempotent: false, records, ...more }
}

export const numbered = (count: number): ProducedRecord[] =>
  Array.from({ length: count }, (_, i) => ({ key: `key-${i}`, value: `value ${i} ${'abcdefgh'.repeat(20)}` }))

/** Reads with the client under test, or with the helper where it cannot consume by assignment. */
async function readBack(context: ScenarioContext, topic: string, offset: number, count: number) {
  const request: Extract<Request, { op: 'consume' }> = { op: 'consume', topic, partition, offset, count }
  try {
    return { reader: 'itself', ...(await context.client.ask<'consume'>(context.broker.bootstrap, request)) }
  } catch (error) {
    if (!(error instanceof Unsupported)) throw error
    return { reader: 'franz-go', ...(await context.helper.ask<'consume'>(context.broker.bootstrap, request)) }
  }
}

function asConsumed(record: ProducedRecord): Pick<ConsumedRecord, 'key' | 'value' | 'headers'> {
  const bytes = contentBytes(record.value)
  const value =
    bytes === null || bytes.length <= 4096
      ? (bytes?.toString() ?? null)
      : { bytes: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex') }
  return { key: record.key, value, headers: record.headers ?? [] }
}

/** The records came back once each, in order, from `first` on. */
export function assertRecords(consumed: ConsumedRecord[], produced: ProducedRecord[], first = 0): void {
  assert.deepEqual(
    consumed.map(({ key, value, headers }) => ({ key, value, headers })),
    produced.map(asConsumed),
  )
  assert.deepEqual(
    consumed.map(({ offset }) => offset),
    produced.map((_, i) => first + i),
  )
}

function assertOffsets(offsets: (number | null)[], first = 0): void {
  // A client that does not tell offsets says null.
  for (const [i, offset] of offsets.entries()) if (offset !== null) assert.equal(offset, first + i)
}

/** Produces, reads back, compares; returns what is stored. */
export async function roundTrip(
  context: ScenarioContext,
  records: ProducedRecord[],
  more: Partial<ProduceRequest> = {},
  configs: Record<string, string> = {},
): Promise<{ topic: string; batches: StoredBatch[]; consumed: ConsumedRecord[]; reader: string }> {
  const { broker, client } = context
  const topic = context.topic()
  await createTopic(broker.port, topic, 1, configs)
  const produced = await client.ask<'produce'>(broker.bootstrap, produceRequest(topic, records, more))
  assertOffsets(produced.offsets)
  await waitForEndOffset(broker.port, topic, partition, records.length)
  const { records: consumed, reader } = await readBack(context, topic, 0, records.length)
  assertRecords(consumed, records)
  const batches = await storedBatches(broker.port, topic, partition)
  const stored = batches.reduce((sum, batch) => sum + batch.records, 0)
  assert.equal(stored, records.length, 'records in the stored batches')
  return { topic, batches, consumed, reader }
}

/** Changes to metadata may take a moment until every request sees them. */
export async function eventually<Result>(
  act: () => Promise<Result>,
  good: (result: Result) => boolean,
): Promise<Result> {
  const until = performance.now() + 10_000
  for (;;) {
    const result = await act()
    if (good(result) || performance.now() > until) return result
    await delay(20)
  }
}
