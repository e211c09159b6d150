/**
 * `npm run demo`: the main job on real data. Starts a broker, streams 20 000 flights into a topic, reads them back,
 * compares every record, prints the rates, stops the broker and leaves its data in `./demo-data`.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { findPackageJSON } from 'node:module'
import { dirname, join, relative, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { Kafka, type RecordMetadata } from '@ottla/client'
import type { ProcessIdentity } from '@ottla/storage'
import { formatBytes, formatCount, Progress } from '../packages/cli/src/output/progress.ts'
import { isAlive } from '../packages/cli/src/start/process-identity.ts'
import { toolArguments } from './arguments.ts'

toolArguments(import.meta.url, {})
const root = resolve(import.meta.dirname, '..')
const dataDir = resolve('demo-data')
const TOPIC = 'flights'
const PARTITIONS = 6
/** A broker that is not ready or gone by then is a failure, in ms. */
const PATIENCE_MS = 30_000

interface Flight {
  readonly origin: string
}

function readFlights(): Flight[] {
  const packageFile = findPackageJSON('vega-datasets', import.meta.url) as string
  return JSON.parse(readFileSync(join(dirname(packageFile), 'data', 'flights-20k.json'), 'utf8'))
}

/** Earlier runs leave their data; anything else that has this name stays untouched. */
function clearDataDir(): void {
  if (!existsSync(dataDir)) return
  if (readdirSync(dataDir).length > 0 && !existsSync(join(dataDir, 'meta.properties'))) {
    throw new Error(`${dataDir} is there and holds no broker's data: move it away`)
  }
  const holder = holderOf(dataDir)
  if (holder !== null && isAlive(holder)) {
    throw new Error(`${dataDir} is in use by the broker of process ${holder.pid}: stop it first`)
  }
  rmSync(dataDir, { recursive: true })
}

/** Whose lock lies there: the broker of an earlier run that its reader has started, perhaps. */
function holderOf(dir: string): ProcessIdentity | null {
  try {
    return JSON.parse(readFileSync(join(dir, '.lock'), 'utf8')) as ProcessIdentity
  } catch {
    return null
  }
}

interface RunningBroker {
  readonly bootstrap: string
  readonly startMs: number
  stop(): Promise<void>
}

async function startBroker(): Promise<RunningBroker> {
  const startedMs = performance.now()
  const bin = join(root, 'packages/cli/bin/ottla.js')
  const child = spawn(
    process.execPath,
    [bin, 'start', '--port', '0', '--dir', dataDir, '--json', '--log-level', 'error'],
    { stdio: ['ignore', 'pipe', 'pipe'] },
  )
  // What the broker says is of interest only when something goes wrong.
  let said = ''
  child.stderr.on('data', (chunk: Buffer) => {
    said += chunk
  })
  // Whatever ends this process takes the broker along.
  process.on('exit', () => child.kill('SIGKILL'))
  for (const signal of ['SIGTERM', 'SIGHUP'] as const) process.once(signal, () => process.exit(1))
  const ready = await within(
    firstLine(child, () => said),
    'the broker was not ready',
  )
  const { bootstrap } = JSON.parse(ready) as { bootstrap: string }
  return {
    bootstrap,
    startMs: performance.now() - startedMs,
    async stop() {
      const ended = new Promise<number | null>((resolve) => child.once('exit', resolve))
      child.kill('SIGTERM')
      const code = await within(ended, 'the broker did not stop')
      if (code !== 0) throw new Error(`the broker ended with exit code ${code}\n${said}`)
    },
  }
}

function firstLine(child: ChildProcess, said: () => string): Promise<string> {
  return new Promise((resolve, reject) => {
    createInterface({ input: child.stdout! }).once('line', resolve)
    child.once('error', reject)
    child.once('exit', (code) =>
      reject(new Error(`the broker ended with exit code ${code} before it was ready\n${said()}`)),
    )
  })
}

async function within<T>(promise: Promise<T>, otherwise: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${otherwise} within ${PATIENCE_MS / 1000} s`)), PATIENCE_MS)
  })
  try {
    return await Promise.race([promise, late])
  } finally {
    clearTimeout(timer)
  }
}

/** Where each row went, by row. */
async function produce(kafka: Kafka, flights: readonly Flight[], values: readonly Buffer[]): Promise<RecordMetadata[]> {
  const [{ error }] = await kafka.admin.createTopics([{ name: TOPIC, partitions: PARTITIONS }])
  if (error !== null) throw error
  const producer = kafka.producer()
  const progress = new Progress('writing', flights.length)
  const places = new Array<RecordMetadata>(flights.length)
  let failure: Error | null = null
  let written = 0
  for (const [row, flight] of flights.entries()) {
    const room = producer.produce(TOPIC, { key: flight.origin, value: values[row] }, (error, place) => {
      if (error !== null) failure ??= error
      else places[row] = place!
      progress.update(++written)
    })
    if (!room) await producer.ready()
  }
  await producer.close()
  progress.end()
  if (failure !== null) throw failure
  return places
}

interface Check {
  readonly read: number
  readonly problems: string[]
}

/** Reads everything back; each row must come once, at its place, and every partition in its order. */
async function consume(kafka: Kafka, values: readonly Buffer[], places: readonly RecordMetadata[]): Promise<Check> {
  const rowAt = new Map(places.map((place, row) => [`${place.partition}/${place.offset}`, row]))
  const ends = await kafka.admin.topicOffsets(TOPIC, 'latest')
  const progress = new Progress('reading', values.length)
  const problems: string[] = []
  const seen = new Uint8Array(values.length)
  const last = new Array<number>(PARTITIONS).fill(-1)
  let read = 0
  const consumer = kafka.consumer({
    assign: ends.map(({ offset }, partition) => ({ topic: TOPIC, partition, until: offset })),
  })
  for await (const { partition, offset, value } of consumer) {
    progress.update(++read)
    const row = rowAt.get(`${partition}/${offset}`)
    if (row === undefined) problems.push(`partition ${partition} has a record at ${offset} that nobody wrote`)
    else if (!value?.equals(values[row])) problems.push(`row ${row} came back changed`)
    else if (seen[row]++ > 0) problems.push(`row ${row} came back twice`)
    if (offset <= last[partition]) problems.push(`partition ${partition}: ${offset} after ${last[partition]}`)
    last[partition] = offset
  }
  progress.end()
  const missing = seen.filter((count) => count === 0).length
  if (missing > 0) problems.push(`${missing} rows did not come back`)
  // A key's rows stand in the order in which they were written.
  const newest = new Array<number>(PARTITIONS).fill(-1)
  for (const { partition, offset } of places) {
    if (offset <= newest[partition]) problems.push(`partition ${partition}: written out of order at ${offset}`)
    newest[partition] = offset
  }
  return { read, problems }
}

function rate(count: number, bytes: number, ms: number): string {
  const seconds = ms / 1000
  return `${formatCount(Math.round(count / seconds))} records/s, ${formatBytes(Math.round(bytes / seconds))}/s`
}

async function main(): Promise<number> {
  const flights = readFlights()
  const values = flights.map((flight) => Buffer.from(JSON.stringify(flight)))
  const bytes = values.reduce((sum, value) => sum + value.length, 0)
  clearDataDir()
  const broker = await startBroker()
  console.log(`broker    ready on ${broker.bootstrap} after ${Math.round(broker.startMs)} ms`)
  const kafka = new Kafka({ bootstrap: broker.bootstrap, clientId: 'demo' })
  let check: Check
  try {
    const startMs = performance.now()
    const places = await produce(kafka, flights, values)
    const writtenMs = performance.now()
    console.log(
      `written   ${formatCount(flights.length)} flights to ${PARTITIONS} partitions by origin: ` +
        rate(flights.length, bytes, writtenMs - startMs),
    )
    check = await consume(kafka, values, places)
    console.log(
      `read back ${formatCount(check.read)} flights: ${rate(check.read, bytes, performance.now() - writtenMs)}`,
    )
  } finally {
    await kafka.close()
  }
  await broker.stop()
  for (const problem of check.problems.slice(0, 10)) console.log(`WRONG     ${problem}`)
  if (check.problems.length > 0) {
    console.log(`demo failed: ${check.problems.length} problems`)
    return 1
  }
  const folder = `./${relative(process.cwd(), dataDir)}`
  console.log(`checked   every record came back once, unchanged, and in order in its partition

The broker is stopped; its data is in ${folder}. Run it again and connect with any Kafka client:
  npx ottla start --dir ${folder}
  npx ottla consume ${TOPIC} -n 5 -f '%p %o %k %v\\n'
  kcat -b localhost:9092 -t ${TOPIC} -C -e
  kafkajs: new Kafka({ brokers: ['localhost:9092'] })
`)
  console.log(`demo passed: ${formatCount(check.read)} records, 0 problems`)
  return 0
}

try {
  process.exitCode = await main()
} catch (error) {
  console.error(`demo failed: ${(error as Error).message}`)
  process.exitCode = 1
}
