import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Collector, judge } from '../results.ts'
import { spread } from '../statistics.ts'

test('spread is smallest, middle and largest', () => {
  assert.equal(spread([]), undefined)
  assert.deepEqual(spread([5, 1, 3]), { min: 1, median: 3, max: 5 })
  assert.deepEqual(spread([4, 1, 3, 2]), { min: 1, median: 2.5, max: 4 })
})

const row = 'native: 1 KiB, 1 partition, 1 MiB batches'

function verdict(ours: number, driverCores: number, ourCpu: number): boolean | undefined {
  const collector = new Collector()
  const figures = (rate: number, cpu: number) => ({
    'produce records/s': rate,
    'produce broker CPU s/M records': cpu,
    'produce driver cores': driverCores,
  })
  collector.add(row, 'ottla', figures(ours, ourCpu))
  collector.add(row, 'kafka', figures(100, 1))
  return judge(collector.metrics[0]!, collector.metrics).met
}

test('a rate is judged against the other broker, or by CPU where the driver is the limit', () => {
  assert.equal(verdict(130, 0.5, 2), true)
  assert.equal(verdict(120, 0.5, 0.5), false)
  assert.equal(verdict(120, 0.99, 0.5), true)
  assert.equal(verdict(120, 0.99, 0.9), false)
})

test('a time that may be longer by so much is judged by the difference of the medians', () => {
  const judged = (ours: number) => {
    const collector = new Collector()
    const name = 'groups: a third member joins, and is killed'
    collector.add(name, 'ottla', { 'stable after a join ms': [ours, ours + 1, ours - 1] })
    collector.add(name, 'kafka', { 'stable after a join ms': [300, 200, 100] })
    return judge(collector.metrics[0]!, collector.metrics)
  }
  assert.deepEqual([judged(300).verdict, judged(300).met], ['≤ 100 ms more: met', true])
  assert.equal(judged(301).met, false)
})

test('a metric without a figure is only reported', () => {
  const collector = new Collector()
  collector.add(row, 'ottla', { 'produce MB/s': 1 })
  const judged = judge(collector.metrics[0]!, collector.metrics)
  assert.deepEqual({ ratio: judged.ratio, met: judged.met }, { ratio: undefined, met: undefined })
})
