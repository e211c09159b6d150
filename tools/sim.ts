/**
 * `npm run sim`: a broker and its clients under a seeded scheduler, one seed after the other.
 *
 *   npm run sim -- --seeds 1000 --from 0x100       seeds 0x100 and the 999 behind it
 *   npm run sim -- --replay 0x17f --trace          one seed, telling what happens
 *   npm run sim -- --replay 0x17f --until 3911     up to an event
 *
 * Every hundredth seed runs twice, and the traces must be equal. Ends with one line of totals, 0 or 1.
 */
import { execFileSync } from 'node:child_process'
import { parseArgs } from 'node:util'
import { type RunResult, renderCounts, renderFailure, SimRun } from '@ottla/simulator'

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '200' },
    from: { type: 'string', default: '1' },
    replay: { type: 'string' },
    until: { type: 'string' },
    trace: { type: 'boolean', default: false },
    /** Failures after which it stops. */
    'max-failures': { type: 'string', default: '5' },
    /** Every n-th seed runs twice. */
    twice: { type: 'string', default: '100' },
    quiet: { type: 'boolean', default: false },
  },
})

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

function wholeNumber(text: string, name: string): number {
  const value = Number(text)
  if (Number.isSafeInteger(value) && value >= 0) return value
  console.error(`--${name} takes a whole number, not ${text}`)
  process.exit(2)
}

let current: SimRun | null = null
process.on('unhandledRejection', (error) => {
  if (current === null) throw error
  current.strayRejection(error)
})

async function runSeed(seed: number, options: ConstructorParameters<typeof SimRun>[1] = {}): Promise<RunResult> {
  current = new SimRun(seed, options)
  try {
    return await current.run()
  } finally {
    current = null
  }
}

async function replay(seed: number): Promise<number> {
  const untilEvent = values.until === undefined ? undefined : wholeNumber(values.until, 'until')
  const trace = values.trace ? (line: string): void => console.log(line) : undefined
  const result = await runSeed(seed, { untilEvent, trace })
  if (values.trace) for (const line of result.lastEvents.slice(-100)) console.log(`  ${line}`)
  console.log(renderFailure(result, origin))
  for (const line of renderCounts([result])) console.log(line)
  console.log(`trace hash ${result.traceHash}, ${result.events} events`)
  return result.violation === null ? 0 : 1
}

async function many(first: number, count: number): Promise<number> {
  const startedMs = performance.now()
  const results: RunResult[] = []
  const failuresMax = wholeNumber(values['max-failures'], 'max-failures')
  const twice = wholeNumber(values.twice, 'twice')
  let failed = 0
  for (let i = 0; i < count && failed < failuresMax; i++) {
    const seed = (first + i) >>> 0
    const result = await runSeed(seed)
    results.push({ ...result, timeline: [], lastEvents: [] })
    if (result.violation !== null) {
      failed++
      console.log(`${renderFailure(result, origin)}\n`)
    } else if (twice > 0 && i % twice === 0) {
      const again = await runSeed(seed)
      if (again.traceHash !== result.traceHash) {
        failed++
        console.log(
          `FAIL determinism  seed=0x${seed.toString(16)}: trace hashes ${result.traceHash} and ${again.traceHash}`,
        )
      }
    }
  }
  const seconds = (performance.now() - startedMs) / 1000
  if (!values.quiet) {
    for (const line of renderCounts(results)) console.log(line)
    console.log(`speed     : ${((results.length / seconds) * 60).toFixed(0)} seeds a minute, ${seconds.toFixed(1)} s`)
  }
  const total = results.length
  console.log(`${total - failed} passed, ${failed} failed`)
  return failed === 0 ? 0 : 1
}

process.exitCode =
  values.replay === undefined
    ? await many(wholeNumber(values.from, 'from'), wholeNumber(values.seeds, 'seeds'))
    : await replay(wholeNumber(values.replay, 'replay'))
