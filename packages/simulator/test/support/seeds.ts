import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import type { TestContext } from 'node:test'
import { type RunResult, renderCounts, renderFailure, SimRun, type WorkloadName } from '@ottla/simulator'

/** A seed that has found a bug. */
export interface Regression {
  readonly seed: number
  readonly invariant: string
  readonly bug: string
}

export const regressions: readonly Regression[] = JSON.parse(
  readFileSync(path.join(import.meta.dirname, '../../regress.json'), 'utf8'),
)

let current: SimRun | null = null
process.on('unhandledRejection', (error) => {
  if (current === null) throw error
  current.strayRejection(error)
})

export async function runSeed(seed: number, workload: WorkloadName = 'log'): Promise<RunResult> {
  current = new SimRun(seed, { workload })
  try {
    return await current.run()
  } finally {
    current = null
  }
}

/** Runs the seeds and fails with the report of the first that breaks an invariant. */
export async function passAll(t: TestContext, seeds: readonly number[], workload?: WorkloadName): Promise<void> {
  const results: RunResult[] = []
  for (const seed of seeds) {
    const result = await runSeed(seed, workload)
    if (result.violation !== null) assert.fail(renderFailure(result, { node: process.version, commit: '' }))
    results.push({ ...result, timeline: [], lastEvents: [] })
  }
  for (const line of renderCounts(results)) t.diagnostic(line)
}

export function range(first: number, count: number): number[] {
  return Array.from({ length: count }, (_, i) => first + i)
}
