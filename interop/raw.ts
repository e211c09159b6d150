/**
 * The few requests that the runner makes itself, written out by hand, so that what it sees does not depend on any
 * client, on our own codec least of all.
 */
import { connect } from 'node:net'

/** The header of a stored batch (format 2). */
export interface StoredBatch {
  baseOffset: number
  lastOffset: number
  records: number
  /** 0 none, 1 gzip, 2 snappy, 3 lz4, 4 zstd. */
  codec: number
  producerId: bigint
  baseSequence: number
  bytes: number
}

const apis = {
  fetch: [1, 4],
  listOffsets: [2, 1],
  metadata: [3, 1],
  offsetFetch: [9, 1],
  createTopics: [19, 2],
} as const

class Writer {
  readonly #parts: Buffer[] = []
  #int(bytes: number, value: number | bigint): this {
    const part = Buffer.alloc(bytes)
    if (bytes === 8) part.writeBigInt64BE(BigInt(value))
    else part.writeIntBE(Number(value), 0, bytes)
    this.#parts.push(part)
    return this
  }
  i8 = (value: number) => this.#int(1, value)
  i16 = (value: number) => this.#int(2, value)
  i32 = (value: number) => this.#int(4, value)
  i64 = (value: number) => this.#int(8, value)
  text(value: string): this {
    const bytes = Buffer.from(value)
    this.i16(bytes.length)
    this.#parts.push(bytes)
    return this
  }
  done = () => Buffer.concat(this.#parts)
}

class Reader {
  at = 0
  readonly bytes: Buffer
  constructor(bytes: Buffer) {
    this.bytes = bytes
  }
  #moved(bytes: number): number {
    this.at += bytes
    return this.at - bytes
  }
  i16 = () => this.bytes.readInt16BE(this.#moved(2))
  i32 = () => this.bytes.readInt32BE(this.#moved(4))
  i64 = () => Number(this.bytes.readBigInt64BE(this.#moved(8)))
  text(): string {
    const length = this.i16()
    return this.bytes.toString('utf8', this.#moved(Math.max(0, length)), this.at)
  }
  take = (bytes: number) => this.bytes.subarray(this.#moved(bytes), this.at)
}

/** One request on a connection of its own. */
function ask(port: number, api: keyof typeof apis, body: Writer): Promise<Reader> {
  const [key, version] = apis[api]
  const payload = Buffer.concat([new Writer().i16(key).i16(version).i32(7).text('interop').done(), body.done()])
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    let received = 0
    const socket = connect(port, '127.0.0.1')
    socket.setTimeout(30_000, () => socket.destroy(new Error(`no answer to ${api}`)))
    socket.on('connect', () => socket.write(Buffer.concat([new Writer().i32(payload.length).done(), payload])))
    socket.on('data', (chunk: Buffer) => {
      chunks.push(chunk)
      received += chunk.length
      if (received < 4) return
      if (chunks[0]!.length < 4) chunks.splice(0, chunks.length, Buffer.concat(chunks))
      if (received < 4 + chunks[0]!.readInt32BE(0)) return
      resolve(new Reader(Buffer.concat(chunks).subarray(8)))
      socket.destroy()
    })
    socket.on('error', reject)
    socket.on('close', () => reject(new Error(`the broker closed the connection on ${api}`)))
  })
}

function check(api: string, errorCode: number): void {
  if (errorCode !== 0) throw new Error(`${api} answered error code ${errorCode}`)
}

/** Creates a topic with one replica and waits until its partitions have leaders. */
export async function createTopic(
  port: number,
  topic: string,
  partitions: number,
  configs: Record<string, string> = {},
): Promise<void> {
  const entries = Object.entries(configs)
  const body = new Writer().i32(1).text(topic).i32(partitions).i16(1).i32(0).i32(entries.length)
  for (const [name, value] of entries) body.text(name).text(value)
  const answer = await ask(port, 'createTopics', body.i32(30_000).i8(0))
  answer.i32()
  answer.i32()
  answer.text()
  check('CreateTopics', answer.i16())
  await waitForLeaders(port, topic, partitions)
}

/** Waits until the topic has so many partitions, all with leaders. */
export async function waitForLeaders(port: number, topic: string, partitions: number): Promise<void> {
  for (let tries = 0; tries < 500; tries++) {
    if (await led(port, topic, partitions)) return
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
  throw new Error(`no leaders for ${topic}`)
}

async function led(port: number, topic: string, partitions: number): Promise<boolean> {
  const answer = await ask(port, 'metadata', new Writer().i32(1).text(topic))
  for (let brokers = answer.i32(); brokers > 0; brokers--) {
    answer.i32()
    answer.text()
    answer.i32()
    answer.text()
  }
  answer.i32()
  answer.i32()
  const topicError = answer.i16()
  answer.text()
  answer.take(1)
  let good = topicError === 0
  const count = answer.i32()
  for (let i = 0; i < count; i++) {
    if (answer.i16() !== 0) good = false
    answer.i32()
    if (answer.i32() < 0) good = false
    answer.take(4 * answer.i32())
    answer.take(4 * answer.i32())
  }
  return good && count === partitions
}

/** The offset that the next record of the partition will get. */
export async function endOffset(port: number, topic: string, partition: number): Promise<number> {
  const answer = await ask(port, 'listOffsets', new Writer().i32(-1).i32(1).text(topic).i32(1).i32(partition).i64(-1))
  answer.i32()
  answer.text()
  answer.i32()
  answer.i32()
  check('ListOffsets', answer.i16())
  answer.i64()
  return answer.i64()
}

/** Waits until the partition holds at least `records`. */
export async function waitForEndOffset(
  port: number,
  topic: string,
  partition: number,
  records: number,
): Promise<number> {
  const until = performance.now() + 20_000
  for (;;) {
    const end = await endOffset(port, topic, partition)
    if (end >= records) return end
    if (performance.now() > until) throw new Error(`the partition holds ${end} records, not ${records}`)
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}

/** What the group committed for the partition, −1 for nothing. The broker must coordinate the group. */
export async function committedOffset(port: number, group: string, topic: string, partition: number): Promise<number> {
  const body = new Writer().text(group).i32(1).text(topic).i32(1).i32(partition)
  const answer = await ask(port, 'offsetFetch', body)
  answer.i32()
  answer.text()
  answer.i32()
  answer.i32()
  const offset = answer.i64()
  answer.text()
  check('OffsetFetch', answer.i16())
  return offset
}

/** The batches of a partition as they are stored. */
export async function storedBatches(port: number, topic: string, partition: number): Promise<StoredBatch[]> {
  const batches: StoredBatch[] = []
  const end = await endOffset(port, topic, partition)
  for (let next = 0; next < end; ) {
    const body = new Writer()
      .i32(-1)
      .i32(500)
      .i32(1)
      .i32(1 << 20)
      .i8(0)
    const answer = await ask(
      port,
      'fetch',
      body
        .i32(1)
        .text(topic)
        .i32(1)
        .i32(partition)
        .i64(next)
        .i32(1 << 20),
    )
    answer.i32()
    answer.i32()
    answer.text()
    answer.i32()
    answer.i32()
    check('Fetch', answer.i16())
    answer.i64()
    answer.i64()
    answer.take(16 * Math.max(0, answer.i32()))
    const found = parseBatches(answer.take(answer.i32()))
    if (found.length === 0) throw new Error(`Fetch gave no batch at ${next} of ${end}`)
    batches.push(...found)
    next = found.at(-1)!.lastOffset + 1
  }
  return batches
}

function parseBatches(records: Buffer): StoredBatch[] {
  const batches: StoredBatch[] = []
  for (let at = 0; at + 61 <= records.length; ) {
    const bytes = 12 + records.readInt32BE(at + 8)
    // The last one may be cut at the limit of the fetch.
    if (at + bytes > records.length) break
    if (records[at + 16] !== 2) throw new Error(`a batch of format ${records[at + 16]}`)
    const baseOffset = Number(records.readBigInt64BE(at))
    batches.push({
      baseOffset,
      lastOffset: baseOffset + records.readInt32BE(at + 23),
      records: records.readInt32BE(at + 57),
      codec: records.readInt16BE(at + 21) & 7,
      producerId: records.readBigInt64BE(at + 43),
      baseSequence: records.readInt32BE(at + 53),
      bytes,
    })
    at += bytes
  }
  return batches
}
