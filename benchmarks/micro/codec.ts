import { parseArgs } from 'node:util'
import {
  decodeRequestHeader,
  encodeRequest,
  encodeResponse,
  FetchRequest,
  FetchResponse,
  ProduceRequest,
  ProduceResponse,
} from '@ottla/protocol'

/**
 * What the codec costs on the hot path, without any I/O:
 *
 *     node benchmarks/micro/codec.ts [--seconds 0.5]
 *
 * Each row is the median of five rounds, in nanoseconds per message and per partition. One topic; record batches are
 * views when decoded and chunks of their own when encoded, so their size does not matter.
 */
const { values } = parseArgs({ options: { seconds: { type: 'string', default: '0.5' } } })
const ROUNDS = 5
const roundMs = (Number(values.seconds) * 1000) / ROUNDS

const records = Buffer.alloc(4096, 1)
const topicId = 'FKYcd3S5Tn-RRiN0eBZ2Dg'
const partitions = [1, 10, 100]

let sink: unknown

function measure(run: () => unknown): number {
  for (let i = 0; i < 20_000; i++) sink = run()
  const rounds: number[] = []
  for (let round = 0; round < ROUNDS; round++) {
    const start = performance.now()
    let count = 0
    let elapsed = 0
    while (elapsed < roundMs) {
      for (let i = 0; i < 200; i++) sink = run()
      count += 200
      elapsed = performance.now() - start
    }
    rounds.push((elapsed * 1e6) / count)
  }
  return rounds.sort((a, b) => a - b)[ROUNDS >> 1]
}

function row(what: string, version: number, count: number, run: () => unknown): void {
  const ns = measure(run)
  const cells = [what.padEnd(28), `v${version}`.padStart(4), String(count).padStart(5), ns.toFixed(0).padStart(8)]
  console.log(`${cells.join(' ')} ${(ns / count).toFixed(0).padStart(8)}`)
}

const times = <T>(count: number, make: (i: number) => T): T[] => Array.from({ length: count }, (_, i) => make(i))
const topic = (version: number, byId: number) => (version >= byId ? { topicId } : { name: 'orders', topic: 'orders' })

console.log('message                      version parts  ns/op  ns/partition')
for (const version of [9, 11, 12, 13]) {
  for (const count of partitions) {
    const frame = Buffer.concat(
      encodeRequest(ProduceRequest, version, 1, 'producer-1', {
        acks: -1,
        timeoutMs: 30_000,
        topicData: [{ ...topic(version, 13), partitionData: times(count, (index) => ({ index, records })) }],
      }),
    ).subarray(4)
    row('decode Produce request', version, count, () => {
      const { reader } = decodeRequestHeader(frame)
      return ProduceRequest.read(reader, version)
    })
  }
}
for (const version of [9, 13]) {
  for (const count of partitions) {
    const partitionResponses = times(count, (index) => ({ index, errorCode: 0, baseOffset: 2 ** 33 + index }))
    const response = { responses: [{ ...topic(version, 13), partitionResponses }] }
    row('encode Produce response', version, count, () => encodeResponse(ProduceResponse, version, 1, response))
  }
}
for (const version of [12, 13, 16, 17]) {
  for (const count of partitions) {
    const frame = Buffer.concat(
      encodeRequest(FetchRequest, version, 1, 'consumer-1', {
        maxWaitMs: 500,
        minBytes: 1,
        topics: [
          {
            ...topic(version, 13),
            partitions: times(count, (partition) => ({ partition, fetchOffset: 2 ** 33, partitionMaxBytes: 1 << 20 })),
          },
        ],
      }),
    ).subarray(4)
    row('decode Fetch request', version, count, () => {
      const { reader } = decodeRequestHeader(frame)
      return FetchRequest.read(reader, version)
    })
  }
}
for (const version of [12, 13, 16, 17]) {
  for (const count of partitions) {
    const response = {
      responses: [
        {
          ...topic(version, 13),
          partitions: times(count, (partitionIndex) => ({
            partitionIndex,
            errorCode: 0,
            highWatermark: 2 ** 33,
            lastStableOffset: 2 ** 33,
            logStartOffset: 0,
            abortedTransactions: null,
            preferredReadReplica: -1,
            records,
          })),
        },
      ],
    }
    row('encode Fetch response', version, count, () => encodeResponse(FetchResponse, version, 1, response))
  }
}
if (sink === undefined) throw new Error('nothing was measured')
