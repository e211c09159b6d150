/** One family of samples in Prometheus' text format, version 0.0.4. */
export interface MetricFamily {
  /** With its unit as suffix: `_total`, `_bytes`, `_seconds`. */
  readonly name: string
  readonly help: string
  readonly type: 'counter' | 'gauge'
  readonly samples: readonly MetricSample[]
}

export interface MetricSample {
  readonly labels?: Readonly<Record<string, string>>
  readonly value: number
}

export function renderPrometheus(families: readonly MetricFamily[]): string {
  const lines: string[] = []
  for (const { name, help, type, samples } of families) {
    lines.push(`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`)
    for (const { labels, value } of samples) lines.push(`${name}${renderLabels(labels)} ${value}`)
  }
  return `${lines.join('\n')}\n`
}

function renderLabels(labels: Readonly<Record<string, string>> | undefined): string {
  if (labels === undefined) return ''
  const parts = Object.entries(labels).map(([name, value]) => `${name}="${escapeLabel(value)}"`)
  return `{${parts.join(',')}}`
}

function escapeLabel(value: string): string {
  return value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')
}
