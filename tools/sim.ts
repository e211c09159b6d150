/**
 * `npm run sim`: a broker and its clients under a seeded scheduler, one seed after the other.
 *
 *   npm run sim -- --seeds 1000 --from 0x100       seeds 0x100 and the 999 behind it
 *   npm run sim -- --replay 0x17f --trace          one seed, telling what happens
 *   npm run sim -- --replay 0x17f --until 3911     up to an event
 *   npm run sim -- --workload groups --seeds 200   groups and transactions instead of the log by itself
 *
 * Every hundredth seed runs twice, and the traces must be equal. Seeds run in as many threads as there are processors
 * (`--jobs`). Ends with one line of totals, 0 or 1.
 */
import { execFileSync } from 'node:child_process'
import { isMainThread, parentPort, Worker } from 'node:worker_threads'
import { type RunResult, renderCounts, renderFailure, SimRun, workloadNames } from '@ottla/simulator'
import { refuse, toolArguments, wholeNumber } from './arguments.ts'
import { defaultJobs } from './jobs.ts'

const { values } = toolArguments(import.meta.url, {
  seeds: { type: 'string', default: '200' },
  from: { type: 'string', default: '1' },
  replay: { type: 'string' },
  until: { type: 'string' },
  /** `log`: producers and consumers of partitions; `groups`: groups, offsets and transactions. */
  workload: { type: 'string', default: 'log' },
  trace: { type: 'boolean', default: false },
  /** Failures after which it stops. */
  'max-failures': { type: 'string', default: '5' },
  /** Every n-th seed runs twice. */
  twice: { type: 'string', default: '100' },
  /** Threads. */
  jobs: { type: 'string', default: String(defaultJobs()) },
  quiet: { type: 'boolean', default: false },
})

const workload = workloadNames.find((name) => name === values.workload)
if (workload === undefined) refuse(`--workload is one of ${workloadNames.join(' and ')}`)

const origin = { node: process.version, commit: commitOf() }

function commitOf(): string {
  try {
    return execFileSync('git', ['rev-parse', '--short', 'HEAD'], { stdio: ['ignore', 'pipe', 'ignore'] })
      .toString()
      .trim()
  } catch {
    return ''
  }
}

let current: SimRun | null = null
process.on('unhandledRejection', (error) => {
  if (current === null) throw error
  current.strayRejection(error)
})

async function runSeed(seed: number, options: ConstructorParameters<typeof SimRun>[1] = {}): Promise<RunResult> {
  current = new SimRun(seed, { workload, ...options })
  try {
    return await current.run()
  } finally {
    current = null
  }
}

async function replay(seed: number): Promise<number> {
  const untilEvent = values.until === undefined ? undefined : wholeNumber('until', values.until)
  const trace = values.trace ? (line: string): void => console.log(line) : undefined
  const result = await runSeed(seed, { untilEvent, trace })
  if (values.trace) for (const line of result.lastEvents.slice(-100)) console.log(`  ${line}`)
  console.log(renderFailure(result, origin))
  for (const line of renderCounts([result])) console.log(line)
  console.log(`trace hash ${result.traceHash}, ${result.events} events`)
  const passed = result.violation === null ? 1 : 0
  console.log(`${passed} passed, ${1 - passed} failed`)
  return 1 - passed
}

interface Ran {
  readonly result: RunResult
  /** Empty when all is well. */
  readonly report: string
}

/** One of many seeds; only what the sums need is kept. */
async function tryOut(seed: number, twice: boolean): Promise<Ran> {
  const result = await runSeed(seed)
  const { traceHash } = result
  let report = ''
  if (result.violation !== null) report = `${renderFailure(result, origin)}\n`
  else if (twice) {
    const again = await runSeed(seed)
    if (again.traceHash !== traceHash)
      report = `FAIL determinism  seed=0x${seed.toString(16)}: trace hashes ${traceHash} and ${again.traceHash}`
  }
  return { result: { ...result, violation: null, timeline: [], lastEvents: [] }, report }
}

interface Order {
  readonly seed: number
  readonly twice: boolean
}

/** Hands out seeds to threads, each of which gets its next one when it has told what came of the last. */
function inThreads(jobs: number, next: () => Order | null, done: (ran: Ran) => void): Promise<unknown> {
  const thread = (): Promise<void> =>
    new Promise((resolve, reject) => {
      const worker = new Worker(new URL(import.meta.url), { argv: process.argv.slice(2) })
      const give = (): void => {
        const order = next()
        if (order !== null) worker.postMessage(order)
        else void worker.terminate().then(() => resolve())
      }
      worker.on('error', reject)
      worker.on('message', (ran: Ran) => {
        done(ran)
        give()
      })
      give()
    })
  return Promise.all(Array.from({ length: jobs }, thread))
}

async function many(first: number, count: number): Promise<number> {
  const startedMs = performance.now()
  const results: RunResult[] = []
  const failuresMax = wholeNumber('max-failures', values['max-failures'], 1)
  const twice = wholeNumber('twice', values.twice)
  const jobs = Math.min(wholeNumber('jobs', values.jobs, 1), count)
  let failed = 0
  let given = 0
  const next = (): Order | null => {
    if (given >= count || failed >= failuresMax) return null
    const i = given++
    return { seed: (first + i) >>> 0, twice: twice > 0 && i % twice === 0 }
  }
  const done = ({ result, report }: Ran): void => {
    results.push(result)
    if (report === '') return
    failed++
    console.log(report)
  }
  if (jobs > 1) await inThreads(jobs, next, done)
  else for (let order = next(); order !== null; order = next()) done(await tryOut(order.seed, order.twice))
  const seconds = (performance.now() - startedMs) / 1000
  if (!values.quiet) {
    for (const line of renderCounts(results)) console.log(line)
    const perMinute = (results.length / seconds) * 60
    console.log(`speed     : ${perMinute.toFixed(0)} seeds a minute, ${seconds.toFixed(1)} s, ${jobs} threads`)
  }
  const total = results.length
  console.log(`${total - failed} passed, ${failed} failed`)
  return failed === 0 ? 0 : 1
}

if (isMainThread)
  process.exitCode =
    values.replay === undefined
      ? await many(wholeNumber('from', values.from), wholeNumber('seeds', values.seeds, 1))
      : await replay(wholeNumber('replay', values.replay))
else
  parentPort?.on('message', async ({ seed, twice }: Order) => {
    parentPort?.postMessage(await tryOut(seed, twice))
  })
