import { boolean, double, inert, int, long } from '../property.ts'

/** Log cleaner. Compaction of topics whose cleanup policy holds `compact`. */
// biome-ignore format: a table, two lines a property
export const cleanerProperties = {
  'log.cleaner.enable': boolean(true, 'medium', {},
    'Whether compaction runs at all. Off, compacted topics only grow.'),
  'log.cleaner.backoff.ms': long(15000, 'medium', { min: 0,
    differs: 'changes with a restart only, since it is read when the logs are opened' },
    'Time in ms to wait when no log needs cleaning.'),
  'log.cleaner.dedupe.buffer.size': long(134217728, 'medium', {
    differs: 'changes with a restart only, since it is read when the logs are opened' },
    'Bytes of memory for the map of newest offsets by key; also the most that cleaning ever holds for it.'),
  'log.cleaner.io.buffer.load.factor': double(0.9, 'medium', {
    differs: 'changes with a restart only, since it is read when the logs are opened' },
    'How full that map may become, as a share of its size.'),
  'log.cleaner.io.max.bytes.per.second': double(Number.MAX_VALUE, 'medium', {
    differs: 'changes with a restart only, since it is read when the logs are opened' },
    'Most bytes per second that cleaning reads and writes together.'),
  'log.cleaner.min.cleanable.ratio': double(0.5, 'medium', { min: 0, max: 1, update: 'cluster-wide' },
    'Share of a log that must be dirty before it is worth cleaning.'),
  'log.cleaner.min.compaction.lag.ms': long(0, 'medium', { min: 0, update: 'cluster-wide' },
    'Time in ms during which a record is safe from compaction.'),
  'log.cleaner.max.compaction.lag.ms': long(Infinity, 'medium', { min: 1, update: 'cluster-wide' },
    'Time in ms after which a record is compacted whatever the dirty ratio says.'),
  'log.cleaner.delete.retention.ms': long(86400000, 'medium', { min: 0, update: 'cluster-wide' },
    'Time in ms that a tombstone stays readable after its key was cleaned.'),

  ...inert('one event loop does this work, there is no pool of threads to size', {
  'log.cleaner.threads': int(1, 'medium', { min: 0, update: 'cluster-wide' },
    'Threads that clean logs.'),
  }),

  ...inert('cleaning runs in short slices between requests and sizes its buffers itself', {
  'log.cleaner.io.buffer.size': int(524288, 'medium', { min: 0, update: 'cluster-wide' },
    'Bytes of the buffer through which segments are read and written while cleaning.'),
  }),
}
