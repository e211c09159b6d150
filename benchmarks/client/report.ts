import { spread } from '../statistics.ts'
import { type ClientName, clientNames } from './rows.ts'

export interface ClientMetric {
  readonly row: string
  /** As the programs call it. */
  readonly metric: string
  readonly samples: Map<ClientName, number[]>
}

export interface ClientResults {
  readonly command: string
  readonly commit: string
  readonly machine: string
  readonly broker: string
  readonly minutes: number
  readonly metrics: readonly ClientMetric[]
  readonly failures: readonly { readonly row: string; readonly client: ClientName; readonly reason: string }[]
}

const names: Readonly<Record<string, string>> = {
  recordsPerSecond: 'records/s',
  cpuSecondsPerMillion: 'client CPU s/M records',
  peakRssMb: 'peak RSS MB',
  p50Ms: 'p50 ms',
  p99Ms: 'p99 ms',
}

interface Figure {
  readonly row: RegExp
  readonly metric: string
  /** Against the best of these. */
  readonly against: readonly ClientName[]
  /** Ours : theirs. */
  readonly atLeast?: number
  readonly atMost?: number
}

const others: readonly ClientName[] = ['kafkajs', 'platformatic', 'kafkats']
const figures: readonly Figure[] = [
  { row: /^produce, 100 B/, metric: 'recordsPerSecond', against: ['kafkajs', 'platformatic'], atLeast: 10 },
  { row: /^produce, 100 B/, metric: 'recordsPerSecond', against: ['kafkats'], atLeast: 2 },
  { row: /^produce, 100 B/, metric: 'recordsPerSecond', against: ['java'], atLeast: 1 },
  { row: /^produce, 1 KiB/, metric: 'recordsPerSecond', against: others, atLeast: 1.5 },
  { row: /^consume, 100 B/, metric: 'recordsPerSecond', against: ['kafkajs'], atLeast: 3 },
  { row: /^consume, 100 B/, metric: 'recordsPerSecond', against: ['java'], atLeast: 1 },
  { row: /^end to end/, metric: 'p50Ms', against: others, atMost: 1 },
  { row: /^end to end/, metric: 'p99Ms', against: others, atMost: 1 },
]

function number(value: number): string {
  if (Math.abs(value) >= 1000) return Math.round(value).toLocaleString('en-US')
  return value.toFixed(Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 2)
}

function medianOf(metric: ClientMetric, client: ClientName): number | undefined {
  return spread(metric.samples.get(client) ?? [])?.median
}

/** What is wanted of a metric, and whether it is so; empty where nothing is. */
function verdicts(metric: ClientMetric): string {
  const ours = medianOf(metric, 'ottla')
  return figures
    .filter((figure) => figure.row.test(metric.row) && figure.metric === metric.metric)
    .flatMap(({ against, atLeast, atMost }) => {
      const theirs = against.flatMap((client) => medianOf(metric, client) ?? [])
      if (ours === undefined || theirs.length === 0) return []
      const ratio = ours / (atLeast === undefined ? Math.min(...theirs) : Math.max(...theirs))
      const met = atLeast === undefined ? ratio <= atMost! : ratio >= atLeast
      const wanted = atLeast === undefined ? `≤ ${atMost}×` : `≥ ${atLeast}×`
      return [`${wanted} ${against.join(', ')}: ${ratio.toFixed(2)}×, ${met ? 'met' : 'missed'}`]
    })
    .join('; ')
}

/** All figures as Markdown: every cell is median (min–max). */
export function clientMarkdown(results: ClientResults): string {
  const out = [
    `Measured by \`${results.command}\` at commit ${results.commit} against ${results.broker}, in alternating rounds,`,
    `${results.minutes.toFixed(1)} minutes, on ${results.machine}. Every cell is the median (minimum–maximum).`,
  ]
  let row = ''
  for (const metric of results.metrics) {
    if (metric.metric === 'records') continue
    if (metric.row !== row) {
      row = metric.row
      out.push('', `### ${row}`, '', `| | ${clientNames.join(' | ')} | wanted |`)
      out.push(`|---|${clientNames.map(() => '--:|').join('')}---|`)
    }
    const cells = clientNames.map((client) => {
      const value = spread(metric.samples.get(client) ?? [])
      return value === undefined ? '–' : `${number(value.median)} (${number(value.min)}–${number(value.max)})`
    })
    out.push(`| ${names[metric.metric] ?? metric.metric} | ${cells.join(' | ')} | ${verdicts(metric)} |`)
  }
  if (results.failures.length > 0) {
    out.push('', '### Not measured', '')
    for (const { row: name, client, reason } of results.failures)
      out.push(`- ${name}, ${client}: ${reason.split('\n')[0]}`)
  }
  return `${out.join('\n')}\n`
}
