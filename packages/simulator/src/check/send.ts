import { batch, Codec, crc32c, RecordBatchBuilder } from '@ottla/protocol/records'
import type { SeededRandom } from '@ottla/runtime/sim'
import type { Codec as CodecChoice } from '../options.ts'
import type { TopicLedger } from './ledger.ts'

/** One batch that a producer wants in the log, whatever number of requests that takes. */
export interface Send {
  readonly id: number
  /** Number of the client. */
  readonly client: number
  readonly topic: TopicLedger
  readonly partition: number
  readonly bytes: Buffer
  readonly records: number
  readonly timestamps: readonly number[]
  /** -1 without idempotence, as the next two. */
  readonly producerId: number
  readonly producerEpoch: number
  readonly baseSequence: number
  readonly acks: number
  /** How many attempts may have reached the log. */
  maybeAppended: number
  attempts: number
  /** Connection of the only attempt; -1 when there were several. */
  connection: number
  /** What the first ack said, -1 without one. */
  ackedOffset: number
  /** How often it is in the log now. */
  copies: number
}

/** Where what a batch means begins: behind everything that a broker may change. */
const CONTENT_START = 57

export interface SendSpec {
  readonly client: number
  readonly topic: TopicLedger
  readonly partition: number
  readonly timestamps: readonly number[]
  readonly valueBytes: readonly number[]
  readonly producerId: number
  readonly producerEpoch: number
  readonly baseSequence: number
  readonly acks: number
  readonly codec: CodecChoice
}

/** Makes batches and knows each of them again, by its content. */
export class Sends {
  private readonly byContent = new Map<number, Send[]>()
  private readonly random: SeededRandom
  count = 0

  constructor(random: SeededRandom) {
    this.random = random
  }

  make(spec: SendSpec): Send {
    const id = this.count++
    const builder = new RecordBatchBuilder()
    for (let i = 0; i < spec.timestamps.length; i++) {
      const value = Buffer.alloc(12 + spec.valueBytes[i], this.random.below(256))
      value.writeUInt32BE(spec.client, 0)
      value.writeUInt32BE(id, 4)
      value.writeUInt32BE(i, 8)
      builder.append(this.random.chance(0.3) ? null : KEY, value, NO_HEADERS, spec.timestamps[i])
    }
    const bytes = builder.build({
      producerId: spec.producerId,
      producerEpoch: spec.producerEpoch,
      baseSequence: spec.baseSequence,
      codec: CODECS[spec.codec],
    })
    const send: Send = {
      id,
      client: spec.client,
      topic: spec.topic,
      partition: spec.partition,
      bytes,
      records: spec.timestamps.length,
      timestamps: spec.timestamps,
      producerId: spec.producerId,
      producerEpoch: spec.producerEpoch,
      baseSequence: spec.baseSequence,
      acks: spec.acks,
      maybeAppended: 0,
      attempts: 0,
      connection: -1,
      ackedOffset: -1,
      copies: 0,
    }
    const content = crc32c(bytes, CONTENT_START, bytes.length)
    const others = this.byContent.get(content)
    if (others === undefined) this.byContent.set(content, [send])
    else others.push(send)
    return send
  }

  /** The send that a stored batch is a copy of; null when nobody ever sent it. */
  identify(stored: Buffer, at: number, size: number): Send | null {
    const candidates = this.byContent.get(crc32c(stored, at + CONTENT_START, at + size))
    if (candidates === undefined) return null
    for (const send of candidates) if (isCopy(stored, at, size, send)) return send
    return null
  }
}

/** Whether a stored batch is what was sent, apart from what a broker sets: offset, leader epoch, LogAppendTime. */
export function isCopy(stored: Buffer, at: number, size: number, send: Send): boolean {
  const { bytes } = send
  if (size !== bytes.length || stored.compare(bytes, CONTENT_START, bytes.length, at + CONTENT_START, at + size) !== 0)
    return false
  // lastOffsetDelta and baseTimestamp, then producer id, epoch and sequence.
  if (stored.compare(bytes, 23, 35, at + 23, at + 35) !== 0 || stored.compare(bytes, 43, 57, at + 43, at + 57) !== 0)
    return false
  const appendTime = batch.isLogAppendTime(batch.attributes(stored, at))
  if (appendTime) return send.topic.plan.logAppendTime
  return stored.compare(bytes, 17, 23, at + 17, at + 23) === 0 && stored.compare(bytes, 35, 43, at + 35, at + 43) === 0
}

export function describeSend(send: Send): string {
  const sequence = send.producerId < 0 ? '' : ` pid ${send.producerId}/${send.producerEpoch} seq ${send.baseSequence}`
  return `c${send.client}#${send.id} (${send.records} records${sequence}, acks=${send.acks}, attempts ${send.attempts})`
}

const KEY = Buffer.from('key')
const NO_HEADERS: [] = []
const CODECS: Readonly<Record<CodecChoice, Codec>> = {
  none: Codec.NONE,
  gzip: Codec.GZIP,
  snappy: Codec.SNAPPY,
  lz4: Codec.LZ4,
  zstd: Codec.ZSTD,
}
