import { endToEndLatency, native, type Percentiles } from '../drivers.ts'
import type { Row } from '../row.ts'

export const latencyRows: Row[] = [
  {
    kind: 'shared',
    id: 'end to end: EndToEndLatency, 100 B, acks=1',
    async measure(broker, context) {
      const topic = context.topic()
      await native('create', broker.bootstrap, { topic, partitions: 1 })
      const figures = await endToEndLatency(broker.bootstrap, topic, 2000, 100)
      await native('delete', broker.bootstrap, { topic })
      return {
        'average ms': figures.averageMs,
        'p50 ms': figures.p50Ms,
        'p99 ms': figures.p99Ms,
        'p99.9 ms': figures.p999Ms,
      }
    },
  },
  {
    kind: 'shared',
    id: 'end to end: native, 100 B, acks=1',
    async measure(broker, context) {
      const topic = context.topic()
      await native('create', broker.bootstrap, { topic, partitions: 1 })
      const flags = { topic, records: 2000, 'value-bytes': 100, acks: 1 }
      const figures = await native<Percentiles>('roundtrip', broker.bootstrap, flags)
      await native('delete', broker.bootstrap, { topic })
      return { 'p50 ms': figures.p50Ms, 'p99 ms': figures.p99Ms, 'p99.9 ms': figures.p999Ms }
    },
  },
]
