import {
  type ConsumeJob,
  type Job,
  type Latencies,
  type LatencyJob,
  OUTSTANDING_MAX,
  type ProduceJob,
  type Rate,
} from './job.ts'

/** What a program does with its client. Each is called once in a process. */
export interface ClientProgram {
  /** A function that sends one record, and one that ends. */
  producer(job: ProduceJob | LatencyJob): Promise<{ send(value: Buffer): Promise<unknown>; close(): Promise<unknown> }>
  /** Calls `onRecord` with each value of the topic from its first one on until it returns false, then ends; `onReady` once it is a group's. */
  consume(job: ConsumeJob | LatencyJob, onRecord: (value: Buffer) => boolean, onReady: () => void): Promise<void>
}

const CHUNK = OUTSTANDING_MAX / 10

/** Does the job of the first argument and prints its result. */
export async function runProgram(program: ClientProgram): Promise<void> {
  const job = JSON.parse(process.argv[2]!) as Job
  const result = await { produce, consume, latency }[job.kind](program, job as never)
  process.stdout.write(`${JSON.stringify(result)}\n`, () => process.exit(0))
}

async function produce(program: ClientProgram, job: ProduceJob): Promise<Rate> {
  const value = Buffer.alloc(job.bytes, 'x')
  const { send, close } = await program.producer(job)
  const sendMany = async (count: number) => {
    const chunks: Promise<unknown>[] = []
    for (let sent = 0; sent < count; sent += CHUNK) {
      const chunk: Promise<unknown>[] = []
      for (let i = 0; i < CHUNK; i++) chunk.push(send(value))
      chunks.push(Promise.all(chunk))
      if (chunks.length * CHUNK >= OUTSTANDING_MAX) await chunks.shift()
    }
    await Promise.all(chunks)
  }
  await sendMany(job.warmUp)
  const meter = new Meter()
  await sendMany(job.records)
  const rate = meter.rate(job.records)
  await close()
  return rate
}

async function consume(program: ClientProgram, job: ConsumeJob): Promise<Rate> {
  let meter: Meter | null = null
  let rate: Rate | null = null
  let count = 0
  const onRecord = (value: Buffer): boolean => {
    if (value.length !== job.bytes) throw new Error(`a value of ${value.length} bytes`)
    if (count === job.warmUp) meter = new Meter()
    count += 1
    if (count < job.warmUp + job.records) return true
    rate ??= meter!.rate(job.records - 1)
    return false
  }
  await program.consume(job, onRecord, () => {})
  if (rate === null) throw new Error(`only ${count} records`)
  return rate
}

/** Every value begins with the time it was sent. */
async function latency(program: ClientProgram, job: LatencyJob): Promise<Latencies> {
  const { send, close } = await program.producer(job)
  const latencies: number[] = []
  const skipped = job.rate * job.warmUpSeconds
  const wanted = skipped + job.rate * job.seconds
  let seen = 0
  const ready = Promise.withResolvers<void>()
  const onRecord = (value: Buffer): boolean => {
    const ms = performance.now() - value.readDoubleLE()
    if (seen++ >= skipped) latencies.push(ms)
    return seen < wanted
  }
  const read = program.consume(job, onRecord, ready.resolve)
  await Promise.race([ready.promise, read])
  await pace(job.rate, wanted, () => {
    const value = Buffer.alloc(job.bytes, 'x')
    value.writeDoubleLE(performance.now())
    return send(value)
  })
  await read
  await close()
  latencies.sort((a, b) => a - b)
  const at = (share: number) => latencies[Math.min(latencies.length - 1, Math.floor(latencies.length * share))]!
  return { records: latencies.length, p50Ms: at(0.5), p99Ms: at(0.99) }
}

/** Timers are no finer than a millisecond: whatever is due is sent together. */
function pace(rate: number, count: number, send: () => Promise<unknown>): Promise<void> {
  return new Promise((resolve, reject) => {
    const startMs = performance.now()
    let sent = 0
    const timer = setInterval(() => {
      const due = Math.min(count, Math.floor(((performance.now() - startMs) / 1000) * rate))
      for (; sent < due; sent++) send().catch(reject)
      if (sent < count) return
      clearInterval(timer)
      resolve()
    }, 1)
  })
}

class Meter {
  readonly #startMs = performance.now()
  readonly #cpu = process.cpuUsage()

  rate(records: number): Rate {
    const seconds = (performance.now() - this.#startMs) / 1000
    const { user, system } = process.cpuUsage(this.#cpu)
    return {
      recordsPerSecond: records / seconds,
      cpuSecondsPerMillion: (user + system) / records,
      peakRssMb: process.resourceUsage().maxRSS / 1000,
    }
  }
}
