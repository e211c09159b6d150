import type { Job } from './job.ts'

export const clientNames = [
  'ottla',
  'kafkajs',
  'kafkajs by batch',
  'platformatic',
  'kafkats',
  'java',
  'librdkafka',
] as const
export type ClientName = (typeof clientNames)[number]

export interface ClientRow {
  /** What `--only` looks at. */
  readonly id: string
  readonly partitions: number
  readonly clients: readonly ClientName[]
  /** `share`: of the records that a whole measurement takes. */
  job(client: ClientName, base: { bootstrap: string; topic: string }, share: number): Job
}

/** So that each takes seconds: those whose send is a request are slower by orders of magnitude. */
const slow: readonly ClientName[] = ['kafkajs', 'platformatic', 'kafkats']
const thousands = (records: number, share: number) => Math.max(1000, Math.round((records * share) / 1000) * 1000)

function produceRow(bytes: number, records: number): ClientRow {
  return {
    id: `produce, ${bytes === 1024 ? '1 KiB' : `${bytes} B`}, one send per record`,
    partitions: 6,
    clients: clientNames.filter((name) => name !== 'kafkajs by batch'),
    job(client, base, share) {
      const count = slow.includes(client) ? records / 10 : records
      return { kind: 'produce', ...base, bytes, records: thousands(count, share), warmUp: thousands(count / 4, share) }
    },
  }
}

function consumeRow(bytes: number, records: number): ClientRow {
  return {
    id: `consume, ${bytes === 1024 ? '1 KiB' : `${bytes} B`}, as a group of one`,
    partitions: 6,
    clients: clientNames,
    job(_client, base, share) {
      return {
        kind: 'consume',
        ...base,
        bytes,
        records: thousands(records, share),
        warmUp: thousands(records / 4, share),
      }
    },
  }
}

export const rows: readonly ClientRow[] = [
  produceRow(100, 1_000_000),
  produceRow(1024, 400_000),
  consumeRow(100, 2_000_000),
  consumeRow(1024, 500_000),
  {
    id: 'end to end, 1,000 records/s of 100 B',
    partitions: 1,
    clients: ['ottla', 'kafkajs', 'platformatic', 'kafkats'],
    job(_client, base, share) {
      return { kind: 'latency', ...base, bytes: 100, rate: 1000, seconds: Math.max(1, 15 * share), warmUpSeconds: 1 }
    },
  },
]
