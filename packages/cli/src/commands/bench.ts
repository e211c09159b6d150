import { randomBytes } from 'node:crypto'
import type { Kafka, Producer, ProducerOptions } from '@ottla/client'
import type { Command } from 'commander'
import { ACKS, addChoice, addSuggested, CODECS } from '../choices.ts'
import { type CommandContext, type CommandModule, orAborted, UsageError } from '../command.ts'
import { formatBytes, formatCount, Progress } from '../output/progress.ts'
import { refusePartition, wholeNumber } from './topic/shared.ts'

interface Row {
  readonly what: string
  readonly records: number
  readonly seconds: number
  readonly recordsPerSecond: number
  readonly bytesPerSecond: number
  /** Of this process. */
  readonly cpuSeconds: number
  readonly p50Ms: number | null
  readonly p99Ms: number | null
}

/** How many records are measured end to end, one after the other. */
const LATENCY_RECORDS = 1000

export const command: CommandModule = {
  finishes: true,

  configure(command: Command): void {
    command
      .option('-n, --records <n>', 'how many', wholeNumber('--records', 1), 500_000)
      .option('-s, --size <bytes>', 'of one value', wholeNumber('--size', 0), 100)
      .option('--partitions <n>', 'of the topic made for it', wholeNumber('--partitions', 1), 6)
      .option('--topic <name>', 'use this topic, and leave it')
    refusePartition(command)
    addSuggested(command, '-a, --acks <n>', ACKS.join(', '), ACKS, 'all')
    addChoice(command, '-z, --compression <codec>', CODECS.join(', '), CODECS, 'none')
    command
      .option('--batch-bytes <n>', 'of one batch', wholeNumber('--batch-bytes', 1))
      .option('--no-latency', 'leave out the end-to-end times')
    command.addHelpText('after', '\nExample:\n  ottla bench -n 1000000 -s 1024 -z lz4')
  },

  run,
}

async function run(context: CommandContext): Promise<undefined> {
  const { options, output, signal } = context
  const acks = options.acks === 'all' || options.acks === '-1' ? 'all' : Number(options.acks)
  if (acks !== 'all' && acks !== 0 && acks !== 1) throw new UsageError('--acks is 0, 1 or all')
  const producerOptions: ProducerOptions = {
    acks,
    compression: options.compression,
    ...(options.batchBytes === undefined ? {} : { batchBytes: options.batchBytes }),
  }
  const { admin } = await context.kafka()
  // A client of its own: it ends with the measuring, while the topic is still to be deleted.
  const kafka = await context.kafka()
  const producers: Producer[] = []
  const newProducer = () => {
    const producer = kafka.producer(producerOptions)
    producers.push(producer)
    return producer
  }
  const onAbort = () => {
    // Nobody wants what is on the way, and its topic is to be deleted.
    for (const producer of producers) void producer.close({ timeoutMs: 0 })
    void kafka.close()
  }
  const topic = (options.topic as string | undefined) ?? `ottla-bench-${randomBytes(4).toString('hex')}`
  const own = options.topic === undefined
  if (own) {
    const [{ error }] = await orAborted(signal, admin.createTopics([{ name: topic, partitions: options.partitions }]))
    if (error !== null) throw error
  }
  signal.addEventListener('abort', onAbort, { once: true })
  try {
    signal.throwIfAborted()
    const producer = newProducer()
    const value = valueOfSize(options.size)
    // The first one connects, and counts for nothing.
    await producer.send(topic, { value })
    const before = await kafka.admin.topicOffsets(topic, 'latest')
    const rows = [await produce(producer, topic, options.records, value)]
    signal.throwIfAborted()
    rows.push(
      await consume(
        kafka,
        topic,
        before.map((o) => o.offset),
        options.size,
      ),
    )
    signal.throwIfAborted()
    if (options.latency && acks !== 0) rows.push(await endToEnd(kafka, newProducer(), topic, options.size))
    signal.throwIfAborted()
    await output.rows(rows, [
      { title: 'what', value: (r) => r.what },
      { title: 'records', value: (r) => formatCount(r.records), align: 'right' },
      { title: 'seconds', value: (r) => r.seconds.toFixed(2), align: 'right' },
      { title: 'records/s', value: (r) => formatCount(r.recordsPerSecond), align: 'right' },
      { title: 'bytes/s', value: (r) => formatBytes(r.bytesPerSecond), align: 'right' },
      { title: 'cpu s', value: (r) => r.cpuSeconds.toFixed(2), align: 'right' },
      { title: 'p50 ms', value: (r) => r.p50Ms?.toFixed(2), align: 'right' },
      { title: 'p99 ms', value: (r) => r.p99Ms?.toFixed(2), align: 'right' },
    ])
  } finally {
    signal.removeEventListener('abort', onAbort)
    if (own) await admin.deleteTopics([topic])
  }
  return undefined
}

/** Half of it random: neither all zeros nor noise for the codecs. */
function valueOfSize(size: number): Buffer {
  return Buffer.concat([randomBytes(size >> 1), Buffer.alloc(size - (size >> 1), 'ottla')])
}

async function produce(producer: Producer, topic: string, records: number, value: Buffer): Promise<Row> {
  const progress = new Progress('producing', records)
  let failure: Error | null = null
  const measured = stopwatch()
  let done = 0
  // Ctrl-C closes the producer, which fails the next one.
  for (let i = 0; i < records && failure === null; i++) {
    const room = producer.produce(topic, { value }, (error) => {
      if (error !== null) failure ??= error
      else done += 1
    })
    if (!room) {
      await producer.ready()
      progress.update(done)
    }
  }
  if (failure === null) await producer.flush()
  progress.end()
  if (failure !== null) throw failure
  const row = measured('produce', records, value.length)
  await producer.close()
  return row
}

async function consume(kafka: Kafka, topic: string, from: readonly number[], size: number): Promise<Row> {
  const ends = await kafka.admin.topicOffsets(topic, 'latest')
  const total = ends.reduce((sum, end, i) => sum + end.offset - from[i], 0)
  const consumer = kafka.consumer({
    assign: ends.map((end, partition) => ({ topic, partition, from: from[partition], until: end.offset })),
  })
  const progress = new Progress('consuming', total)
  const measured = stopwatch()
  let count = 0
  for await (const batch of consumer.batches()) {
    batch.forEach(() => {
      count += 1
    })
    progress.update(count)
  }
  progress.end()
  return measured('consume', count, size)
}

/** From `send` until the reader has the record, one at a time. */
async function endToEnd(kafka: Kafka, producer: Producer, topic: string, size: number): Promise<Row> {
  const consumer = kafka.consumer({ assign: [{ topic, from: 'latest' }], fetchMaxWaitMs: 100 })
  const arrived = consumer[Symbol.asyncIterator]()
  const value = Buffer.alloc(size)
  const times: number[] = []
  // The first ones find where the log ends; they do not count.
  let next = arrived.next()
  for (let found = false; !found; ) {
    await producer.send(topic, { value })
    found = await Promise.race([next.then(() => true), new Promise<boolean>((r) => setTimeout(r, 50, false))])
  }
  const last = await kafka.admin.topicOffsets(topic, 'latest')
  const isLast = () => consumer.positions().every((p) => (p.offset ?? 0) >= last[p.partition].offset)
  while (!isLast()) {
    next = arrived.next()
    if ((await next).done) break
  }
  const measured = stopwatch()
  for (let i = 0; i < LATENCY_RECORDS; i++) {
    next = arrived.next()
    const startMs = performance.now()
    producer.produce(topic, { value })
    if ((await next).done) break
    times.push(performance.now() - startMs)
  }
  times.sort((a, b) => a - b)
  const row = measured('end to end', LATENCY_RECORDS, size)
  await arrived.return?.(undefined)
  await producer.close()
  return { ...row, p50Ms: times[LATENCY_RECORDS >> 1], p99Ms: times[Math.floor(LATENCY_RECORDS * 0.99)] }
}

function stopwatch(): (what: string, records: number, size: number) => Row {
  const startMs = performance.now()
  const cpu = process.cpuUsage()
  return (what, records, size) => {
    const seconds = (performance.now() - startMs) / 1000
    const used = process.cpuUsage(cpu)
    return {
      what,
      records,
      seconds,
      recordsPerSecond: Math.round(records / seconds),
      bytesPerSecond: (records * size) / seconds,
      cpuSeconds: (used.user + used.system) / 1e6,
      p50Ms: null,
      p99Ms: null,
    }
  }
}
