/**
 * Recovers a log manager from every legal state of its disk after a crash: `npm run crash -- --states 1000000`,
 * `--from SEED` for other scripts, `--replay SEED:INDEX:KEY` for one state again. Runs in as many threads as there are
 * processors (`--jobs`); a thread has the scripts from 1,000 seeds behind the one before.
 */
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import { type EnumerateResult, enumerate, replay } from '../packages/storage/test/crash/enumerate.ts'
import { toolArguments, wholeNumber } from './arguments.ts'
import { defaultJobs } from './jobs.ts'

const SEEDS_BETWEEN_THREADS = 1000

const { values } = toolArguments(import.meta.url, {
  states: { type: 'string', default: '100000' },
  from: { type: 'string', default: '1' },
  jobs: { type: 'string', default: String(defaultJobs()) },
  replay: { type: 'string' },
})

interface Share {
  readonly states: number
  readonly firstSeed: number
}

/** What a thread tells: how far it is, what came of it, or the first state that breaks a promise. */
type Told = { readonly done: number } | { readonly result: EnumerateResult } | { readonly failure: string }

/** Adds up the threads' results; stops at the first failure, which it throws. */
function inThreads(shares: readonly Share[], progress: (done: number) => void): Promise<EnumerateResult[]> {
  const done = shares.map(() => 0)
  const workers: Worker[] = []
  const all = shares.map(
    (share, i) =>
      new Promise<EnumerateResult>((resolve, reject) => {
        const worker = new Worker(new URL(import.meta.url), { workerData: share })
        workers.push(worker)
        worker.on('error', reject)
        worker.on('message', (told: Told) => {
          if ('failure' in told) reject(new Error(told.failure))
          else if ('result' in told) resolve(told.result)
          else {
            done[i] = told.done
            progress(done.reduce((sum, count) => sum + count, 0))
          }
        })
      }),
  )
  return Promise.all(all).finally(() => {
    for (const worker of workers) void worker.terminate()
  })
}

async function work({ states, firstSeed }: Share): Promise<void> {
  const tell = (told: Told): void => parentPort?.postMessage(told)
  try {
    const progress = (done: number): void => tell({ done })
    tell({ result: await enumerate({ states, firstSeed, statesPerPhase: 1000, progress }) })
  } catch (error) {
    tell({ failure: (error as Error).message })
  }
}

function sumOf(results: readonly EnumerateResult[], of: (result: EnumerateResult) => ReadonlyMap<string, number>) {
  const sum = new Map<string, number>()
  for (const result of results) for (const [key, count] of of(result)) sum.set(key, (sum.get(key) ?? 0) + count)
  return sum
}

async function main(): Promise<void> {
  let passed = 0
  try {
    if (values.replay !== undefined) {
      await replay(values.replay)
      console.log(`crash: state ${values.replay} recovers\n1 passed, 0 failed`)
      return
    }
    const states = wholeNumber('states', values.states, 1)
    const jobs = wholeNumber('jobs', values.jobs, 1)
    const first = wholeNumber('from', values.from)
    const shares = Array.from({ length: jobs }, (_, i) => ({
      states: Math.ceil(states / jobs),
      firstSeed: first + i * SEEDS_BETWEEN_THREADS,
    }))
    const results = await inThreads(shares, (done) => {
      passed = done
      if (process.stderr.isTTY) process.stderr.write(`\r${done} of ${states}`)
    })
    if (process.stderr.isTTY) process.stderr.write('\r')
    for (const [phase, count] of sumOf(results, ({ byPhase }) => byPhase)) console.log(`${phase.padEnd(16)} ${count}`)
    for (const [invariant, count] of [...sumOf(results, ({ exercised }) => exercised)].sort())
      console.log(`${invariant.padEnd(16)} looked at ${count} times`)
    const total = (of: (result: EnumerateResult) => number): number => results.reduce((sum, r) => sum + of(r), 0)
    const nested = total((result) => result.nested)
    passed = total((result) => result.states) + nested
    console.log(
      `crash: ${passed - nested} states of ${total(({ scripts }) => scripts)} scripts and ${nested} within recovery (node ${process.version})`,
    )
    console.log(`${passed} passed, 0 failed`)
  } catch (error) {
    console.error(`FAIL ${(error as Error).message}`)
    console.log(`${passed} passed, 1 failed`)
    process.exitCode = 1
  }
}

if (isMainThread) await main()
else await work(workerData as Share)
