export { type InvariantId, invariants, Violation } from './check/invariants.ts'
export {
  describeOptions,
  drawOptions,
  faultKinds,
  type SwarmOptions,
  type WorkloadName,
  workloadNames,
} from './options.ts'
export { applyHunk, type Hunk, type PlantedBug, parsePatch } from './planted.ts'
export { renderCounts, renderFailure } from './report.ts'
export { type RunOptions, type RunResult, SimRun } from './run.ts'
