import { execFileSync } from 'node:child_process'
import { cpus, release, totalmem } from 'node:os'
import { type Contender, contenders } from './contenders.ts'
import type { Samples } from './row.ts'
import { type Spread, spread } from './statistics.ts'

/** All samples of one metric of one row. */
export interface Metric {
  row: string
  metric: string
  ottla: number[]
  kafka: number[]
}

export interface Failure {
  row: string
  contender: Contender
  reason: string
}

export interface Results {
  command: string
  commit: string
  machine: string
  rounds: number
  minutes: number
  metrics: Metric[]
  failures: Failure[]
}

export class Collector {
  readonly metrics: Metric[] = []
  readonly failures: Failure[] = []
  readonly #byName = new Map<string, Metric>()

  add(row: string, contender: Contender, samples: Samples): void {
    for (const [metric, value] of Object.entries(samples)) {
      const name = `${row} / ${metric}`
      let entry = this.#byName.get(name)
      if (entry === undefined) {
        entry = { row, metric, ottla: [], kafka: [] }
        this.#byName.set(name, entry)
        this.metrics.push(entry)
      }
      entry[contender].push(...(typeof value === 'number' ? [value] : value))
    }
  }

  fail(row: string, contender: Contender, reason: string): void {
    this.failures.push({ row, contender, reason })
  }
}

/** The commit that is measured, marked when files differ from it. */
export function commit(): string {
  const git = (...args: string[]) => execFileSync('git', args, { encoding: 'utf8' }).trim()
  try {
    const changed = git('status', '--porcelain', '--untracked-files=no') !== ''
    return `${git('rev-parse', '--short=12', 'HEAD')}${changed ? ' with changes' : ''}`
  } catch {
    return 'unknown'
  }
}

export function machine(): string {
  const java = execFileSync('sh', ['-c', 'java -version 2>&1 | head -1'], { encoding: 'utf8' }).trim()
  const model = cpus()[0]?.model.trim() ?? 'unknown processor'
  const gigabytes = Math.round(totalmem() / 2 ** 30)
  return `${cpus().length} × ${model}, ${gigabytes} GiB, Linux ${release()}, Node ${process.versions.node}, ${java}`
}

/** What the project wants of a metric; `undefined` where it only reports. */
interface Figure {
  row: RegExp
  metric: RegExp
  /** `ratio` is ours : theirs, `difference` ours − theirs, `ours` the absolute median. */
  of: 'ratio' | 'difference' | 'ours'
  atLeast?: number
  atMost?: number
}

const figures: Figure[] = [
  { row: /^native/, metric: /^(produce|consume) records\/s$/, of: 'ratio', atLeast: 1.3 },
  { row: /^native/, metric: /broker CPU s\/GB$/, of: 'ratio', atMost: 0.7 },
  { row: /^ProducerPerformance.*16 KiB/, metric: /^produce records\/s$/, of: 'ratio', atLeast: 1 },
  { row: /^end to end/, metric: /^p99 ms$/, of: 'ratio', atMost: 0.8 },
  { row: /^start of the published form/, metric: /^start to first answer ms$/, of: 'ratio', atMost: 1 / 20 },
  { row: /^startBroker/, metric: /^import ms$/, of: 'ours', atMost: 150 },
  { row: /^startBroker/, metric: /^startBroker ms$/, of: 'ours', atMost: 20 },
  { row: /^start, memory/, metric: /^RssAnon idle MB$/, of: 'ours', atMost: 80 },
  { row: /^start, memory/, metric: /^RssAnon after 2 GB/, of: 'ours', atMost: 250 },
  { row: /^5,000 partitions/, metric: /^start to every leader known ms$/, of: 'ours', atMost: 2000 },
  { row: /^groups: a third/, metric: /^stable after/, of: 'difference', atMost: 100 },
  { row: /^groups: 1,000/, metric: /^commits\/s$/, of: 'ratio', atLeast: 1.5 },
  { row: /^groups: start/, metric: /^start to every group served ms$/, of: 'ours', atMost: 3000 },
  { row: /^transactions/, metric: /^transactions\/s$/, of: 'ratio', atLeast: 1.3 },
  { row: /^produce while/, metric: /^p99 during : at rest$/, of: 'ours', atMost: 2 },
]

/** A driver that uses this share of a core cannot go faster, whatever the broker does. */
const busyDriver = 0.95

export interface Judged {
  ottla: Spread | undefined
  kafka: Spread | undefined
  ratio: number | undefined
  /** E.g. `≥ 1.3: met`; empty where nothing is wanted. */
  verdict: string
  met: boolean | undefined
}

/** Medians, their ratio, and whether the project's figure is met. */
export function judge(metric: Metric, all: readonly Metric[]): Judged {
  const [ottla, kafka] = contenders.map((contender) => spread(metric[contender]))
  const ratio = ottla && kafka && kafka.median !== 0 ? ottla.median / kafka.median : undefined
  const figure = figures.find((one) => one.row.test(metric.row) && one.metric.test(metric.metric))
  const difference = ottla && kafka ? ottla.median - kafka.median : undefined
  const value = figure === undefined ? undefined : { ours: ottla?.median, difference, ratio }[figure.of]
  if (figure === undefined || value === undefined) return { ottla, kafka, ratio, verdict: '', met: undefined }
  const within = value >= (figure.atLeast ?? -Infinity) && value <= (figure.atMost ?? Infinity)
  const limit = figure.atLeast !== undefined ? `≥ ${figure.atLeast}` : `≤ ${figure.atMost}`
  const wanted = figure.of === 'difference' ? `${limit} ms more` : limit
  if (within) return { ottla, kafka, ratio, verdict: `${wanted}: met`, met: true }
  // Where the driver itself is the limit, the broker's CPU per record decides instead.
  const mode = /^(produce|consume) records\/s$/.exec(metric.metric)?.[1]
  const other = (name: string) => all.find((one) => one.row === metric.row && one.metric === `${mode} ${name}`)
  const driver = spread(other('driver cores')?.ottla ?? [])
  const cpu = other('broker CPU s/M records')
  if (mode !== undefined && driver !== undefined && driver.median >= busyDriver && cpu !== undefined) {
    const [ours, theirs] = contenders.map((contender) => spread(cpu[contender]))
    const cpuRatio = ours && theirs && theirs.median > 0 ? ours.median / theirs.median : Infinity
    const met = cpuRatio <= 0.7
    const verdict = `${wanted}, or with the driver's core busy CPU ≤ 0.7 (${cpuRatio.toFixed(2)}): ${met ? 'met' : 'missed'}`
    return { ottla, kafka, ratio, verdict, met }
  }
  return { ottla, kafka, ratio, verdict: `${wanted}: missed`, met: false }
}
