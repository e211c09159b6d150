/**
 * Measures our client beside others against the same broker, alternating.
 *
 *     npm run bench:client -- [--only TEXT]... [--clients ottla,kafkajs,…] [--rounds 3] [--minutes 25]
 *         [--broker ottla|kafka] [--short] [--out FOLDER]
 *
 * Peers: kafkajs, @platformatic/kafka, @kafkats/client, Apache Kafka's own tools (java), and librdkafka by its Python binding.
 * `--short` does as little as shows that it works. Needs the peers `node`, `python` and `kafka-4.3.1` of `tools/peers/install.ts`.
 *
 * Prints a Markdown table and writes it to `out/bench-client.md`, with all samples in `out/bench-client.json`. Ends with 1 when
 * something could not be measured, never because of a figure.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Kafka } from '@ottla/client'
import { refuse, toolArguments } from '../../tools/arguments.ts'
import { startApacheKafka } from '../../tools/peers/apache-kafka.ts'
import { projectDir, run } from '../../tools/peers/folders.ts'
import { startOttla } from '../../tools/peers/ottla.ts'
import { pythonProgram } from '../../tools/peers/python.ts'
import { exitOnSignals, type RunningBroker } from '../../tools/peers/running-broker.ts'
import { consumerPerformance, producerPerformance } from '../drivers.ts'
import { commit, machine } from '../results.ts'
import type { Job, Latencies, Rate } from './job.ts'
import { type ClientMetric, type ClientResults, clientMarkdown } from './report.ts'
import { type ClientName, type ClientRow, clientNames, rows } from './rows.ts'

const { values } = toolArguments(import.meta.url, {
  only: { type: 'string', multiple: true },
  clients: { type: 'string', default: clientNames.join(',') },
  rounds: { type: 'string', default: '3' },
  minutes: { type: 'string', default: '25' },
  broker: { type: 'string', default: 'ottla' },
  short: { type: 'boolean', default: false },
  out: { type: 'string', default: join(projectDir, 'out') },
})
const rounds = Number(values.rounds)
const minutes = Number(values.minutes)
const clients = clientNames.filter((name) => values.clients.split(',').includes(name))
const chosen = rows.filter(({ id }) => values.only === undefined || values.only.some((text) => id.includes(text)))
if (!Number.isInteger(rounds) || rounds < 1 || !(minutes > 0))
  refuse('--rounds is a whole number, --minutes is positive')
if (clients.length === 0) refuse(`--clients are some of ${clientNames.join(',')}`)
if (chosen.length === 0) refuse(`--only fits none of: ${rows.map(({ id }) => id).join('; ')}`)
if (values.broker !== 'ottla' && values.broker !== 'kafka') refuse('--broker is ottla or kafka')

exitOnSignals()
const startedMs = performance.now()
const scratch = mkdtempSync(join(tmpdir(), 'ottla-bench-client-'))
process.once('exit', () => rmSync(scratch, { recursive: true, force: true }))
const metrics: ClientMetric[] = []
const failures: { row: string; client: ClientName; reason: string }[] = []
let topics = 0

async function program(client: ClientName, job: Job): Promise<Rate | Latencies> {
  const argument = JSON.stringify(job)
  const path = (name: string) => join(projectDir, 'benchmarks', 'client', 'programs', name)
  const [name, , variant] = client.split(' ')
  const { stdout } =
    client === 'librdkafka'
      ? await run(pythonProgram(), [path('librdkafka.py'), argument], { timeoutMs: 180_000 })
      : await run(process.execPath, [path(`${name}.ts`), argument, ...(variant === undefined ? [] : [variant])], {
          timeoutMs: 180_000,
        })
  return JSON.parse(stdout.toString().trim().split('\n').at(-1)!)
}

/** Apache Kafka's tools warm up by themselves, or do not. */
async function java(job: Job): Promise<Pick<Rate, 'recordsPerSecond'>> {
  const { bootstrap, topic, bytes } = job
  if (job.kind === 'latency') throw new Error('no tool of Apache Kafka measures that')
  const records = job.records + job.warmUp
  const { recordsPerSecond } = await (job.kind === 'produce'
    ? producerPerformance(bootstrap, topic, records, bytes, 16_384)
    : consumerPerformance(bootstrap, topic, records, bytes))
  return { recordsPerSecond }
}

async function measure(broker: RunningBroker, kafka: Kafka, row: ClientRow, client: ClientName): Promise<void> {
  const share = values.short ? 0.02 : 1
  const base = { bootstrap: broker.bootstrap, topic: `client-${topics++}` }
  const job = row.job(client, base, share)
  await kafka.admin.createTopics([{ name: job.topic, partitions: row.partitions }])
  if (job.kind === 'consume') await fill(kafka, job.topic, row.partitions, job.records + job.warmUp, job.bytes)
  const samples = client === 'java' ? await java(job) : await program(client, job)
  for (const [name, value] of Object.entries(samples)) add(row.id, name, client, value)
  await kafka.admin.deleteTopics([job.topic])
}

/** With batches as a busy topic has them. */
async function fill(kafka: Kafka, topic: string, partitions: number, records: number, bytes: number): Promise<void> {
  const producer = kafka.producer({ batchBytes: 16_384, bufferBytes: 16 << 20 })
  const value = Buffer.alloc(bytes, 'x')
  for (let i = 0; i < records; i++) {
    if (!producer.produce(topic, { partition: i % partitions, value })) await producer.ready()
  }
  await producer.close()
}

function add(row: string, metric: string, client: ClientName, value: number): void {
  let entry = metrics.find((one) => one.row === row && one.metric === metric)
  if (entry === undefined) {
    entry = { row, metric, samples: new Map() }
    metrics.push(entry)
  }
  const list = entry.samples.get(client)
  if (list === undefined) entry.samples.set(client, [value])
  else list.push(value)
}

const dir = join(scratch, 'broker')
const broker = values.broker === 'ottla' ? await startOttla({ dir }) : await startApacheKafka({ dir })
const kafka = new Kafka({ bootstrap: broker.bootstrap })
let measured = 0
try {
  for (let round = 0; round < rounds; round++) {
    if (round > 0 && performance.now() - startedMs > (minutes * 60_000 * round) / rounds) break
    for (const row of chosen) {
      const able = clients.filter((client) => row.clients.includes(client))
      for (const client of round % 2 === 0 ? able : able.toReversed()) {
        if (failures.some((one) => one.row === row.id && one.client === client)) continue
        const beganMs = performance.now()
        try {
          await measure(broker, kafka, row, client)
          measured += 1
          console.error(
            `round ${round + 1}: ${client}: ${row.id}: ${((performance.now() - beganMs) / 1000).toFixed(1)} s`,
          )
        } catch (error) {
          failures.push({ row: row.id, client, reason: (error as Error).message })
          console.error(`round ${round + 1}: ${client}: ${row.id}: FAILED: ${(error as Error).message}`)
        }
      }
    }
  }
} finally {
  await kafka.close()
  await broker.stop()
}

const results: ClientResults = {
  command: ['npm run bench:client --', ...process.argv.slice(2)].join(' '),
  commit: commit(),
  machine: machine(),
  broker: broker.name,
  minutes: (performance.now() - startedMs) / 60_000,
  metrics,
  failures,
}
const text = clientMarkdown(results)
mkdirSync(values.out, { recursive: true })
writeFileSync(join(values.out, 'bench-client.md'), text)
const plain = { ...results, metrics: metrics.map((one) => ({ ...one, samples: Object.fromEntries(one.samples) })) }
writeFileSync(join(values.out, 'bench-client.json'), `${JSON.stringify(plain, null, 2)}\n`)
console.log(text)
console.log(`${measured} passed, ${failures.length} failed`)
process.exit(failures.length === 0 ? 0 : 1)
