import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import type { TestContext } from 'node:test'
import { type RunResult, renderCounts, renderFailure, SimRun } from '@ottla/simulator'

/** A seed that has found a bug; `open` while the bug is not fixed. */
export interface Regression {
  readonly seed: number
  readonly invariant: string
  readonly bug: string
  readonly open?: boolean
}

export const regressions: readonly Regression[] = JSON.parse(
  readFileSync(path.join(import.meta.dirname, '../../regress.json'), 'utf8'),
)

let current: SimRun | null = null
process.on('unhandledRejection', (error) => {
  if (current === null) throw error
  current.strayRejection(error)
})

export async function runSeed(seed: number): Promise<RunResult> {
  current = new SimRun(seed)
  try {
    return await current.run()
  } finally {
    current = null
  }
}

/** Runs the seeds and fails with the report of the first that breaks an invariant, unless its bug is known and open. */
export async function passAll(t: TestContext, seeds: readonly number[]): Promise<void> {
  const results: RunResult[] = []
  for (const seed of seeds) {
    const result = await runSeed(seed)
    const { violation } = result
    if (violation !== null) {
      const known = regressions.find((regression) => regression.open === true && regression.seed === seed)
      const report = renderFailure(result, { node: process.version, commit: '' })
      if (known?.invariant !== violation.invariant) assert.fail(report)
      t.diagnostic(`seed ${seed} shows a known bug: ${known.bug}`)
    }
    results.push({ ...result, timeline: [], lastEvents: [] })
  }
  for (const line of renderCounts(results)) t.diagnostic(line)
}

export function range(first: number, count: number): number[] {
  const seeds = Array.from({ length: count }, (_, i) => first + i)
  const open = seeds.filter((seed) => OPEN_SEEDS.has(seed))
  if (open.length > 0)
    console.log(`not run, a known bug that is not mended yet (docs/not-done.md): seeds ${open.join(', ')}`)
  return seeds.filter((seed) => !OPEN_SEEDS.has(seed))
}

/** A pipelined batch of a new producer is accepted although the one before it was taken back on a full disk (P1). */
const OPEN_SEEDS: ReadonlySet<number> = new Set([0x32, 0x35])
