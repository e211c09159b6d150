import { startContender } from '../contenders.ts'
import { HeldDriver, native, type Rates } from '../drivers.ts'
import { cpuSeconds, rssAnonMegabytes } from '../process-figures.ts'
import type { Row, Samples } from '../row.ts'

const delay = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

/** How long a broker is left alone before its idle figures are taken. */
const idleMs = 2500

/** A broker on an empty folder: its start, its memory and CPU while idle, with connections, and after 2 GB in and out. */
const lifecycle: Row = {
  kind: 'own',
  id: 'start, memory, connections',
  untilShare: 0.75,
  async measure(contender, context) {
    const broker = await startContender(contender, context.folder())
    try {
      const samples: Samples = {
        'start to first answer ms': broker.answeredMs,
        'start to first metadata ms': broker.metadataMs,
      }
      await delay(idleMs)
      const idleCpu = cpuSeconds(broker.pid)
      await delay(idleMs)
      samples['idle CPU %'] = ((cpuSeconds(broker.pid) - idleCpu) / (idleMs / 1000)) * 100
      samples['RssAnon idle MB'] = rssAnonMegabytes(broker.pid)

      await using connections = new HeldDriver('idle', broker.bootstrap, { connections: 1000 })
      const opened = await connections.line<{ seconds: number }>()
      samples['1,000 connections: opened and answered ms'] = opened.seconds * 1000
      samples['1,000 connections: RssAnon MB'] = rssAnonMegabytes(broker.pid)
      const heldCpu = cpuSeconds(broker.pid)
      await delay(idleMs)
      samples['1,000 connections: CPU %'] = ((cpuSeconds(broker.pid) - heldCpu) / (idleMs / 1000)) * 100
      connections.finish()
      await connections.line()

      const topic = context.topic()
      const load = { topic, partitions: 6, records: 2_000_000, 'value-bytes': 1024 }
      await native('create', broker.bootstrap, { topic, partitions: 6 })
      await native<Rates>('produce', broker.bootstrap, { ...load, 'batch-bytes': 1 << 20 })
      await native<Rates>('consume', broker.bootstrap, load)
      samples['RssAnon after 2 GB in and out MB'] = rssAnonMegabytes(broker.pid)

      const stopping = performance.now()
      await broker.stop()
      samples['clean stop ms'] = performance.now() - stopping
      return samples
    } finally {
      await broker.kill()
    }
  },
}

export const lifecycleRows: Row[] = [lifecycle]
