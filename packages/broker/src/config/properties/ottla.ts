import { choice, int, long, string } from '../property.ts'

/** Ottla's own keys. Where Kafka has no name for it. They begin with `ottla.`. */
// biome-ignore format: a table, two lines a property
export const ottlaProperties = {
  'ottla.max.disk.bytes': long(-1, 'medium', { min: -1 },
    'Most bytes that all data folders together may hold; past that produce requests are refused. -1 is no bound ' +
    'of its own.'),
  'ottla.min.free.disk.bytes': long(67108864, 'medium', { min: 0 },
    'Bytes that must stay free on the disk of a data folder; below that produce requests are refused before the ' +
    'disk is full.'),
  'ottla.log.record.validation': choice('auto', 'low', { oneOf: ['auto', 'full'] },
    'How closely produced batches are read: `auto` walks the records of uncompressed batches, `full` ' +
    'decompresses the others too.'),
  'ottla.preauth.timeout.ms': int(10000, 'medium', { min: 100 },
    'Time in ms within which a new connection must send its first valid request (later: be authenticated), else ' +
    'it is closed.'),
  'ottla.http.listener': string(null, 'medium', { form: 'host-port' },
    'Address host:port at which Prometheus text, /health and /ready are served; not set, they are not.'),
}
