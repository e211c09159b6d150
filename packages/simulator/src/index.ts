export { type InvariantId, invariants, Violation } from './check/invariants.ts'
export { describeOptions, drawOptions, faultKinds, type SwarmOptions } from './options.ts'
export { renderCounts, renderFailure } from './report.ts'
export { type RunOptions, type RunResult, SimRun } from './run.ts'
