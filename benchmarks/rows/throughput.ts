import type { RunningBroker } from '../../tools/peers/running-broker.ts'
import { consumerPerformance, native, producerPerformance, type Rates } from '../drivers.ts'
import { cpuSeconds } from '../process-figures.ts'
import type { Row, RowContext, Samples } from '../row.ts'

interface Load {
  valueBytes: number
  partitions: number
  batchBytes: number
  records: number
  /** How often they are consumed, so that this takes a second, too, of which the broker's CPU is counted in hundredths. */
  passes: number
}

const sizeName = (bytes: number) =>
  bytes >= 1 << 20 ? `${bytes >> 20} MiB` : bytes >= 1024 ? `${bytes >> 10} KiB` : `${bytes} B`

const loadName = (load: Load) =>
  `${sizeName(load.valueBytes)}, ${load.partitions} partition${load.partitions === 1 ? '' : 's'}, ${sizeName(load.batchBytes)} batches`

/** Records per run are chosen so that to produce them takes one to three seconds on two cores. */
function loads(records: (valueBytes: number, batchBytes: number) => number): Load[] {
  const out: Load[] = []
  for (const valueBytes of [100, 1024]) {
    for (const partitions of [1, 6]) {
      for (const batchBytes of [16384, 1 << 20]) {
        const passes = batchBytes === 16384 ? 10 : 4
        out.push({ valueBytes, partitions, batchBytes, records: records(valueBytes, batchBytes), passes })
      }
    }
  }
  return out
}

function throughput(prefix: string, rates: Pick<Rates, 'recordsPerSecond' | 'megabytesPerSec'>): Samples {
  return { [`${prefix} records/s`]: rates.recordsPerSecond, [`${prefix} MB/s`]: rates.megabytesPerSec }
}

/** Broker CPU per gigabyte (10^9 bytes of values) and per million records. */
function brokerCpu(prefix: string, seconds: number, records: number, valueBytes: number): Samples {
  return {
    [`${prefix} broker CPU s/GB`]: (seconds * 1e9) / (records * valueBytes),
    [`${prefix} broker CPU s/M records`]: (seconds * 1e6) / records,
  }
}

async function measureNative(broker: RunningBroker, context: RowContext, load: Load): Promise<Samples> {
  const topic = context.topic()
  const { partitions, records, valueBytes, batchBytes, passes } = load
  await native('create', broker.bootstrap, { topic, partitions })
  const samples: Samples = {}
  for (const [mode, own] of [
    ['produce', { 'value-bytes': valueBytes, 'batch-bytes': batchBytes }],
    ['consume', { times: passes }],
  ] as const) {
    const before = cpuSeconds(broker.pid)
    const rates = await native<Rates>(mode, broker.bootstrap, { topic, partitions, records, ...own })
    const cpu = cpuSeconds(broker.pid) - before
    Object.assign(samples, throughput(mode, rates), brokerCpu(mode, cpu, rates.records, valueBytes))
    samples[`${mode} driver cores`] = rates.cpuSeconds / rates.seconds
  }
  await native('delete', broker.bootstrap, { topic })
  return samples
}

async function measureJava(broker: RunningBroker, context: RowContext, load: Load): Promise<Samples> {
  const topic = context.topic()
  const { records, valueBytes, batchBytes } = load
  await native('create', broker.bootstrap, { topic, partitions: load.partitions })
  const before = cpuSeconds(broker.pid)
  const result = await producerPerformance(broker.bootstrap, topic, records, valueBytes, batchBytes)
  const cpu = cpuSeconds(broker.pid) - before
  await native('delete', broker.bootstrap, { topic })
  return {
    ...throughput('produce', result),
    ...brokerCpu('produce', cpu, records, valueBytes),
    'produce p99 ms': result.p99Ms,
  }
}

async function measureJavaConsumer(broker: RunningBroker, context: RowContext, load: Load): Promise<Samples> {
  const topic = context.topic()
  const { partitions, valueBytes, batchBytes } = load
  const records = context.short ? load.records / 100 : load.records
  const produced = { topic, partitions, records, 'value-bytes': valueBytes, 'batch-bytes': batchBytes }
  await native('create', broker.bootstrap, { topic, partitions })
  await native<Rates>('produce', broker.bootstrap, produced)
  const before = cpuSeconds(broker.pid)
  const result = await consumerPerformance(broker.bootstrap, topic, records, valueBytes)
  const cpu = cpuSeconds(broker.pid) - before
  await native('delete', broker.bootstrap, { topic })
  return {
    ...throughput('consume', result),
    ...brokerCpu('consume', cpu, records, valueBytes),
    'rebalance ms': result.rebalanceMs,
  }
}

const nativeRecords = (valueBytes: number, batchBytes: number) => {
  if (valueBytes === 100) return batchBytes === 16384 ? 400_000 : 1_500_000
  return batchBytes === 16384 ? 100_000 : 300_000
}
/** The tool's own JVM has to have compiled itself before the broker matters: with half a million of 100 B it has not. */
const javaRecords = (valueBytes: number) => (valueBytes === 100 ? 1_000_000 : 150_000)

/** Enough that the tool takes some seconds, of which its compiler has the first. */
const javaConsumerLoads: Load[] = [
  { valueBytes: 100, partitions: 6, batchBytes: 16384, records: 6_000_000, passes: 1 },
  { valueBytes: 1024, partitions: 6, batchBytes: 1 << 20, records: 1_500_000, passes: 1 },
]

export const throughputRows: Row[] = [
  ...loads(nativeRecords).map(
    (load): Row => ({
      kind: 'shared',
      id: `native: ${loadName(load)}`,
      measure: (broker, context) => measureNative(broker, context, load),
    }),
  ),
  ...loads(javaRecords).map(
    (load): Row => ({
      kind: 'shared',
      id: `ProducerPerformance: ${loadName(load)}`,
      measure: (broker, context) => measureJava(broker, context, load),
    }),
  ),
  ...javaConsumerLoads.map(
    (load): Row => ({
      kind: 'shared',
      id: `ConsumerPerformance: ${loadName(load)}`,
      measure: (broker, context) => measureJavaConsumer(broker, context, load),
    }),
  ),
]
