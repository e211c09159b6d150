import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { startContender } from '../contenders.ts'
import { native, type Rates } from '../drivers.ts'
import { cpuSeconds, rssAnonMegabytes } from '../process-figures.ts'
import type { Row, Samples } from '../row.ts'

/** One topic of 1,000 partitions on a new broker. */
const thousand: Row = {
  kind: 'own',
  id: '1,000 partitions',
  untilShare: 0.82,
  atMostRounds: 3,
  async measure(contender, context) {
    const broker = await startContender(contender, context.folder())
    try {
      const topic = context.topic()
      const created = await native<{ seconds: number }>('create', broker.bootstrap, { topic, partitions: 1000 })
      const samples: Samples = { 'create ms': created.seconds * 1000 }
      const records = 60_000
      const load = { topic, partitions: 1000, records, 'value-bytes': 1024 }
      for (const mode of ['produce', 'consume']) {
        const before = cpuSeconds(broker.pid)
        const rates = await native<Rates>(mode, broker.bootstrap, load)
        samples[`${mode} records/s`] = rates.recordsPerSecond
        samples[`${mode} broker CPU s/M records`] = ((cpuSeconds(broker.pid) - before) * 1e6) / records
      }
      samples['RssAnon MB'] = rssAnonMegabytes(broker.pid)
      await broker.stop()
      return samples
    } finally {
      await broker.kill()
    }
  },
}

const topics = ['many-0', 'many-1', 'many-2', 'many-3', 'many-4']

/** Start after a clean stop with 5,000 partitions that hold a record each. They are made once and started every round. */
const fiveThousand: Row = {
  kind: 'own',
  id: '5,000 partitions',
  untilShare: 0.9,
  // Apache Kafka takes most of a minute for each start, and two to make them.
  atMostRounds: 2,
  async measure(contender, context) {
    const dir = context.keptFolder
    const done = join(dir, 'prepared')
    if (!existsSync(done)) {
      const first = await startContender(contender, dir)
      try {
        for (const topic of topics) {
          await native('create', first.bootstrap, { topic, partitions: 1000 })
          const load = { topic, partitions: 1000, records: 1000, 'value-bytes': 400, 'batch-bytes': 512 }
          await native('produce', first.bootstrap, load)
        }
        await first.stop()
      } finally {
        await first.kill()
      }
      writeFileSync(done, '')
    }
    const spawned = performance.now()
    const broker = await startContender(contender, dir)
    try {
      for (const topic of topics) await native('ready', broker.bootstrap, { topic, partitions: 1000 })
      const samples: Samples = {
        'start to first answer ms': broker.answeredMs,
        'start to every leader known ms': performance.now() - spawned,
        'RssAnon MB': rssAnonMegabytes(broker.pid),
      }
      const stopping = performance.now()
      await broker.stop()
      samples['clean stop ms'] = performance.now() - stopping
      return samples
    } finally {
      await broker.kill()
    }
  },
}

export const partitionRows: Row[] = [thousand, fiveThousand]
