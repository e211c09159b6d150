import { type ChildProcess, spawn } from 'node:child_process'
import { createInterface, type Interface } from 'node:readline'
import { apacheKafkaClassPath } from '../tools/peers/apache-kafka.ts'
import { run } from '../tools/peers/folders.ts'
import { goProgram } from '../tools/peers/go.ts'
import { endProcess, track } from '../tools/peers/running-broker.ts'

type Flags = Record<string, string | number | undefined>

function arguments_(mode: string, bootstrap: string, flags: Flags): string[] {
  return [
    mode,
    '-bootstrap',
    bootstrap,
    ...Object.entries(flags).flatMap(([name, value]) => (value === undefined ? [] : [`-${name}`, String(value)])),
  ]
}

/** Runs our native driver to its end and returns what it printed. */
export async function native<Result>(mode: string, bootstrap: string, flags: Flags): Promise<Result> {
  const { stdout } = await run(goProgram('bench-driver'), arguments_(mode, bootstrap, flags))
  return JSON.parse(stdout.toString()) as Result
}

/** What produce and consume print. */
export interface Rates {
  records: number
  bytes: number
  seconds: number
  recordsPerSecond: number
  megabytesPerSec: number
  cpuSeconds: number
}

/** What paced (per window) and roundtrip print. */
export interface Percentiles {
  records: number
  p50Ms: number
  p99Ms: number
  p999Ms: number
  maxMs: number
}

/** A driver that runs until its standard input ends. */
export class HeldDriver {
  readonly #child: ChildProcess
  readonly #lines: AsyncIterator<string>
  readonly #reader: Interface

  constructor(mode: string, bootstrap: string, flags: Flags) {
    const child = spawn(goProgram('bench-driver'), arguments_(mode, bootstrap, flags), {
      stdio: ['pipe', 'pipe', 'inherit'],
    })
    this.#child = track(child)
    this.#reader = createInterface({ input: child.stdout })
    this.#lines = this.#reader[Symbol.asyncIterator]()
  }

  /** The next line that it prints. */
  async line<Result>(): Promise<Result> {
    const next = await this.#lines.next()
    if (next.done) throw new Error('the driver ended without an answer')
    return JSON.parse(next.value) as Result
  }

  /** Opens a new window of a paced driver. */
  mark(): void {
    this.#child.stdin!.write('mark\n')
  }

  /** Ends its input; the figures come as the next line. */
  finish(): void {
    this.#child.stdin!.end()
  }

  /** Ends the driver if it still runs. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#reader.close()
    await endProcess(this.#child, 'SIGKILL')
  }
}

const jvm = (heap: string) => [
  '-cp',
  apacheKafkaClassPath('4.3.1'),
  `-Xmx${heap}`,
  '-server',
  '-XX:+UseG1GC',
  '-XX:MaxGCPauseMillis=20',
]

/** Apache Kafka's ProducerPerformance, with the heap its script gives it. Its rates leave out its own start. */
export async function producerPerformance(
  bootstrap: string,
  topic: string,
  records: number,
  valueBytes: number,
  batchBytes: number,
): Promise<{ recordsPerSecond: number; megabytesPerSec: number; p99Ms: number }> {
  const properties = ['--command-property', `bootstrap.servers=${bootstrap}`, `batch.size=${batchBytes}`]
  const sizes = ['--num-records', String(records), '--record-size', String(valueBytes), '--throughput', '-1']
  const toolClass = 'org.apache.kafka.tools.ProducerPerformance'
  const { stdout } = await run('java', [...jvm('512M'), toolClass, '--topic', topic, ...sizes, ...properties])
  const last = stdout.toString().trim().split('\n').at(-1)!
  const match = /^(\d+) records sent, ([\d.]+) records\/sec .* (\d+) ms 99th/.exec(last)
  if (match === null || Number(match[1]) !== records) throw new Error(`ProducerPerformance said: ${last}`)
  const recordsPerSecond = Number(match[2])
  return { recordsPerSecond, megabytesPerSec: (recordsPerSecond * valueBytes) / 1e6, p99Ms: Number(match[3]) }
}

/**
 * Apache Kafka's ConsumerPerformance, as a group of one. The rates are those while it fetches, without the time until it
 * had its partitions.
 */
export async function consumerPerformance(
  bootstrap: string,
  topic: string,
  records: number,
  valueBytes: number,
): Promise<{ recordsPerSecond: number; megabytesPerSec: number; rebalanceMs: number }> {
  const group = ['--group', `${topic}-group`, '--num-records', String(records), '--hide-header']
  const toolClass = 'org.apache.kafka.tools.ConsumerPerformance'
  const args = [...jvm('512M'), toolClass, '--bootstrap-server', bootstrap, '--topic', topic, ...group]
  const { stdout } = await run('java', args)
  // start, end, MB, MB/s, records, records/s, ms of rebalancing, ms of fetching, MB/s and records/s while fetching
  const fields = stdout
    .toString()
    .trim()
    .split('\n')
    .at(-1)!
    .split(',')
    .map((field) => Number(field))
  if (fields.length !== 10 || fields[4] !== records) throw new Error(`ConsumerPerformance said: ${stdout}`)
  const recordsPerSecond = records / (fields[7] / 1000)
  return { recordsPerSecond, megabytesPerSec: (recordsPerSecond * valueBytes) / 1e6, rebalanceMs: fields[6] }
}

/**
 * Apache Kafka's EndToEndLatency; it gives whole milliseconds. Its last act, after it has printed, is to commit the
 * offsets of a group, which belongs to no figure: it is ended when the figures are there.
 */
export async function endToEndLatency(
  bootstrap: string,
  topic: string,
  records: number,
  valueBytes: number,
): Promise<{ averageMs: number; p50Ms: number; p99Ms: number; p999Ms: number }> {
  const sizes = ['--num-records', String(records), '--record-size', String(valueBytes), '--producer-acks', '1']
  const toolClass = 'org.apache.kafka.tools.EndToEndLatency'
  const args = [...jvm('256M'), toolClass, '--bootstrap-server', bootstrap, '--topic', topic, ...sizes]
  const child = track(spawn('java', args, { stdio: ['ignore', 'pipe', 'pipe'] }))
  let errors = ''
  child.stderr.on('data', (chunk: Buffer) => {
    errors = (errors + chunk.toString()).slice(-2000)
  })
  const timer = setTimeout(() => child.kill('SIGKILL'), 120_000)
  try {
    let average: string | undefined
    for await (const line of createInterface({ input: child.stdout })) {
      average ??= /Avg latency: ([\d.]+) ms/.exec(line)?.[1]
      const at = /50th = (\d+), 99th = (\d+), 99.9th = (\d+)/.exec(line)
      if (at === null) continue
      return { averageMs: Number(average), p50Ms: Number(at[1]), p99Ms: Number(at[2]), p999Ms: Number(at[3]) }
    }
    throw new Error(`EndToEndLatency gave no figures: ${errors.split('\n')[0]}`)
  } finally {
    clearTimeout(timer)
    await endProcess(child, 'SIGKILL')
  }
}
