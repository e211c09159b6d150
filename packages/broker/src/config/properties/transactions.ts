import { boolean, inert, int, short } from '../property.ts'

/** Producers and transactions. Idempotence and exactly-once. */
// biome-ignore format: a table, two lines a property
export const transactionProperties = {
  'producer.id.expiration.ms': int(86400000, 'low', { min: 1,
    differs: 'changes with a restart only, since it is read when the logs are opened' },
    "Time in ms without a write after which a partition forgets a producer's sequence numbers."),

  'transactional.id.expiration.ms': int(604800000, 'high', { min: 1 },
    'Time in ms without use after which a transactional id is forgotten.'),
  'transaction.max.timeout.ms': int(900000, 'high', { min: 1 },
    'Longest transaction timeout in ms that a producer may ask for.'),
  'transaction.abort.timed.out.transaction.cleanup.interval.ms': int(10000, 'low', { min: 1 },
    'Time in ms between two looks for transactions past their timeout.'),
  'transaction.remove.expired.transaction.cleanup.interval.ms': int(3600000, 'low', { min: 1 },
    'Time in ms between two looks for expired transactional ids.'),
  'transaction.partition.verification.enable': boolean(true, 'low', { update: 'cluster-wide' },
    'Whether a partition asks the coordinator before it takes part in a transaction.'),
  'transaction.state.log.min.isr': int(2, 'high', { min: 1 },
    'Least in-sync replicas of the transaction state topic.'),
  'transaction.state.log.num.partitions': int(50, 'high', { min: 1 },
    'Partitions of the transaction state topic; it must not change once the topic exists.'),
  'transaction.state.log.replication.factor': short(3, 'high', { min: 1 },
    'Replicas of the transaction state topic.'),
  'transaction.state.log.segment.bytes': int(104857600, 'high', { min: 1 },
    'Segment size in bytes of the transaction state topic.'),

  ...inert('the coordinator is in this broker and is asked at once; two-phase commit is not served', {
  'transaction.two.phase.commit.enable': boolean(false, 'low', { only: '4' },
    'Whether producers may take part in a two-phase commit without a timeout.'),
  'add.partitions.to.txn.retry.backoff.ms': int(20, 'high', { min: 1, only: '4' },
    'Time in ms before the verification of a partition is tried again.'),
  'add.partitions.to.txn.retry.backoff.max.ms': int(100, 'high', { min: 0, only: '4' },
    'Upper bound in ms of that time.'),
  'transaction.state.log.load.buffer.size': int(5242880, 'high', { min: 1 },
    'Bytes read at once while a coordinator loads its partition.'),
  }),

  ...inert('logs look for expired producers on their own', {
  'producer.id.expiration.check.interval.ms': int(600000, 'low', { min: 1, internal: true },
    'Time in ms between two looks for such producers.'),
  }),
}
