import { startApacheKafka } from '../tools/peers/apache-kafka.ts'
import { startOttla } from '../tools/peers/ottla.ts'
import type { RunningBroker } from '../tools/peers/running-broker.ts'

export const contenders = ['ottla', 'kafka'] as const
export type Contender = (typeof contenders)[number]

const set = {
  // What deleted topics leave in the page cache would otherwise stay for a minute, and topics are made by the dozen.
  'log.segment.delete.delay.ms': '1000',
  // As ours has it by default: else the first rebalance of a group takes 3 s more.
  'group.initial.rebalance.delay.ms': '0',
}

/** Ours with its defaults, Apache Kafka 4.3.1 with the file it ships and a heap of 1 GB. */
export function startContender(contender: Contender, dir: string): Promise<RunningBroker> {
  return contender === 'ottla' ? startOttla({ dir, set }) : startApacheKafka({ version: '4.3.1', dir, set })
}
