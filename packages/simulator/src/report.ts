import { type InvariantId, invariants, invariantsOf } from './check/invariants.ts'
import { describeOptions } from './options.ts'
import type { RunResult } from './run.ts'

/** Lines of the timeline that one screen takes. */
const TIMELINE_LINES = 24

/** Where a run belongs to; told by whoever runs it. */
export interface Origin {
  readonly node: string
  /** Empty when unknown. */
  readonly commit: string
}

export function seedText(seed: number): string {
  return `0x${(seed >>> 0).toString(16).padStart(8, '0')}`
}

/** Everything about a failure on one screen, with the command that repeats it. */
export function renderFailure(result: RunResult, origin: Origin): string {
  const { violation, seed, tally } = result
  const { workload } = result.options
  if (violation === null) return `ok seed=${seedText(seed)}`
  const { invariant, claim, evidence, event, timeMs } = violation
  const [title] = invariants[invariant].split(':')
  const commit = origin.commit === '' ? '' : `  commit=${origin.commit}`
  return [
    `FAIL ${invariant} ${title}  seed=${seedText(seed)}${commit}  node=${origin.node}  t=${(timeMs / 1000).toFixed(3)}s  event=${event}`,
    `  replay: npm run sim --${workload === 'log' ? '' : ` --workload ${workload}`} --replay ${seedText(seed)} --until ${event} --trace`,
    `  rule    : ${invariants[invariant]}`,
    `  options : ${describeOptions(result.options)}`,
    `  claim   : ${claim}`,
    `  evidence: ${evidence}`,
    '  timeline:',
    ...result.timeline.slice(-TIMELINE_LINES).map((line) => `    ${line.slice(0, 200)}`),
    `  counts  : sent=${tally.sent} ok=${tally.ok} unknown=${tally.unknown} fail=${tally.failed} delivered=${tally.delivered} | ${countOf(result)}, faults ${listOf(result.faults)}`,
  ].join('\n')
}

function countOf({ exercised, options }: RunResult): string {
  return `exercised ${exercised.size}/${invariantsOf(options.workload).length} invariants`
}

function listOf(counts: ReadonlyMap<string, number>): string {
  return [...counts].map(([name, count]) => `${name} ${count}`).join(', ') || 'none'
}

/** The sums over many runs. An invariant that was never put to the test is a fault of the generator. */
export function renderCounts(results: readonly RunResult[]): string[] {
  const exercised = new Map<InvariantId, number>()
  const faults = new Map<string, number>()
  const sum = { sent: 0, ok: 0, unknown: 0, failed: 0, delivered: 0, asked: 0 }
  let events = 0
  let simulatedMs = 0
  for (const result of results) {
    for (const [id, count] of result.exercised) exercised.set(id, (exercised.get(id) ?? 0) + count)
    for (const [name, count] of result.faults) faults.set(name, (faults.get(name) ?? 0) + count)
    for (const key of Object.keys(sum) as (keyof typeof sum)[]) sum[key] += result.tally[key]
    events += result.events
    simulatedMs += result.simulatedMs
  }
  const workloads = new Set(results.map(({ options }) => options.workload))
  const ids = [...new Set([...workloads].flatMap(invariantsOf))]
  const never = ids.filter((id) => !exercised.has(id) && id !== 'OK')
  return [
    `operations: sent ${sum.sent}, ok ${sum.ok}, unknown ${sum.unknown}, fail ${sum.failed}, delivered ${sum.delivered}, other requests ${sum.asked}`,
    `checked   : ${ids
      .filter((id) => exercised.has(id))
      .map((id) => `${id} ${exercised.get(id)}`)
      .join(', ')}`,
    ...(never.length === 0 ? [] : [`NEVER CHECKED: ${never.join(', ')}`]),
    `faults    : ${listOf(new Map([...faults].sort()))}`,
    `simulated : ${(simulatedMs / 1000).toFixed(0)} s in ${events} events`,
  ]
}
