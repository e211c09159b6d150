import { judge, type Metric, type Results } from './results.ts'
import type { Spread } from './statistics.ts'

function number(value: number): string {
  if (Math.abs(value) >= 1000) return Math.round(value).toLocaleString('en-US')
  if (Math.abs(value) >= 100) return value.toFixed(0)
  return value.toFixed(Math.abs(value) >= 10 ? 1 : 2)
}

/** `median (min–max)`. */
function cell(value: Spread | undefined): string {
  if (value === undefined) return '–'
  return `${number(value.median)} (${number(value.min)}–${number(value.max)})`
}

/** The broker's CPU that belongs beside a rate, per million records. */
function cpuBeside(metric: Metric, all: readonly Metric[]): string {
  const mode = /^(produce|consume) (records|MB)\/s$/.exec(metric.metric)?.[1]
  if (mode === undefined) return ''
  const cpu = all.find((one) => one.row === metric.row && one.metric === `${mode} broker CPU s/M records`)
  if (cpu === undefined) return ''
  const { ottla, kafka } = judge(cpu, all)
  return `${ottla ? number(ottla.median) : '–'} : ${kafka ? number(kafka.median) : '–'}`
}

/** All figures as Markdown: a table per row; every cell is median (min–max). */
export function markdown(results: Results): string {
  const out = [
    `Measured by \`${results.command}\` at commit ${results.commit}, in alternating rounds,`,
    `${results.minutes.toFixed(1)} minutes, on ${results.machine}. Every cell is the median (minimum–maximum).`,
    'Apache Kafka is 4.3.1 with the settings it ships and a heap of 1 GB; Ottla has its defaults. Files of deleted topics',
    'leave the disk after a second with both.',
  ]
  let row = ''
  for (const metric of results.metrics) {
    if (metric.row !== row) {
      row = metric.row
      const samples = Math.max(metric.ottla.length, metric.kafka.length)
      out.push('', `### ${row} (${samples} ${samples === 1 ? 'sample' : 'samples'})`, '')
      out.push('| | Ottla | Apache Kafka | ratio | broker CPU s/M records | wanted |', '|---|--:|--:|--:|--:|---|')
    }
    const { ottla, kafka, ratio, verdict } = judge(metric, results.metrics)
    const ratioCell = ratio === undefined ? '–' : `${ratio.toFixed(2)}×`
    const beside = cpuBeside(metric, results.metrics)
    out.push(`| ${metric.metric} | ${cell(ottla)} | ${cell(kafka)} | ${ratioCell} | ${beside} | ${verdict} |`)
  }
  if (results.failures.length > 0) {
    out.push('', '### Not measured', '')
    for (const { row: name, contender, reason } of results.failures) {
      out.push(`- ${name}, ${contender}: ${reason.split('\n')[0]}`)
    }
  }
  return `${out.join('\n')}\n`
}
