import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { startContender } from '../contenders.ts'
import { HeldDriver, native, type Percentiles } from '../drivers.ts'
import { cpuSeconds, folderBytes, list } from '../process-figures.ts'
import type { Row } from '../row.ts'

const delay = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

const records = 2_000_000
const valueBytes = 1024
/** 2 GB with each key 20 times: about a twentieth is left when the cleaner is through. */
const keys = 100_000

/** Waits until `condition`, looking every 20 ms. */
async function until(what: string, condition: () => boolean, seconds: number): Promise<void> {
  for (const end = performance.now() + seconds * 1000; performance.now() < end; await delay(20)) {
    if (condition()) return
  }
  throw new Error(`${what} did not happen within ${seconds} s`)
}

/**
 * The latency of a paced producer at rest and while the cleaner rewrites 2 GB beside it. The topic is filled with
 * cleanup.policy=delete and then turned to compact, so the cleaner's start is seen as its first `.cleaned` file.
 */
const compaction: Row = {
  kind: 'own',
  id: 'produce while 2 GB are compacted',
  untilShare: 1,
  atMostRounds: 3,
  async measure(contender, context) {
    const broker = await startContender(contender, context.folder())
    try {
      const topic = context.topic()
      const paced = context.topic()
      const configs = 'cleanup.policy=delete;segment.bytes=104857600;min.cleanable.dirty.ratio=0.01'
      await native('create', broker.bootstrap, { topic, partitions: 1, configs })
      await native('create', broker.bootstrap, { topic: paced, partitions: 1 })
      const load = { topic, partitions: 1, records, 'value-bytes': valueBytes, 'batch-bytes': 1 << 20, keys }
      await native('produce', broker.bootstrap, load)
      const dir = join(broker.dataDir, `${topic}-0`)
      if (!existsSync(dir)) throw new Error(`no folder ${dir}`)
      const fullBytes = folderBytes(dir, '.log')

      await using producer = new HeldDriver('paced', broker.bootstrap, { topic: paced, rate: 500, seconds: 0 })
      // The first window warms up, the second is at rest, the third waits for the cleaner, the fourth is beside it.
      await delay(2000)
      producer.mark()
      await delay(8000)
      producer.mark()
      await native('alter', broker.bootstrap, { topic, configs: 'cleanup.policy=compact' })
      await until('the start of compaction', () => list(dir).some((file) => file.endsWith('.cleaned')), 60)
      producer.mark()
      const cpu = cpuSeconds(broker.pid)
      const startedMs = performance.now()
      // The active segment is never cleaned; what is before it shrinks to about one record per key.
      const left = () => folderBytes(dir, '.log') + folderBytes(dir, '.cleaned') + folderBytes(dir, '.swap')
      const quiet = () => !list(dir).some((file) => file.endsWith('.cleaned') || file.endsWith('.swap'))
      await until('the end of compaction', () => quiet() && left() < fullBytes * 0.25, 180)
      const seconds = (performance.now() - startedMs) / 1000
      const cleanerCpu = cpuSeconds(broker.pid) - cpu
      producer.finish()
      const { windows } = await producer.line<{ windows: Percentiles[] }>()
      await broker.stop()
      const [, rest, , during] = windows as [Percentiles, Percentiles, Percentiles, Percentiles]
      return {
        'p99 at rest ms': rest.p99Ms,
        'p99 during compaction ms': during.p99Ms,
        'p99 during : at rest': during.p99Ms / rest.p99Ms,
        'p99.9 during compaction ms': during.p999Ms,
        'compaction seconds': seconds,
        'broker CPU seconds during compaction': cleanerCpu,
      }
    } finally {
      await broker.kill()
    }
  },
}

export const compactionRows: Row[] = [compaction]
