import { availableParallelism } from 'node:os'

const JOBS_MAX = 4

/** How many threads or processes a tool runs at the same time unless it is told: more than four gain little. */
export function defaultJobs(): number {
  return Math.min(JOBS_MAX, availableParallelism())
}
