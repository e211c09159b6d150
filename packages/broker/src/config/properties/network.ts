import { inert, int, list, long, string } from '../property.ts'

/** Connections and requests. Where clients reach the broker and how much one of them, or all of them, may take. */
// biome-ignore format: a table, two lines a property
export const networkProperties = {
  'listeners': list(['PLAINTEXT://localhost:9092'], 'high',
    { differs: 'nothing without authentication is open to the network unless somebody says so' },
    'Addresses to listen on, NAME://host:port separated by commas. An empty host means every address, ' +
    '`localhost` means 127.0.0.1 and ::1, port 0 any free port.'),
  'advertised.listeners': list(null, 'high', {},
    'Addresses told to clients, in the form of `listeners`; a listener that is not named is advertised as it listens.'),
  'listener.security.protocol.map': string(
    'SASL_SSL:SASL_SSL,PLAINTEXT:PLAINTEXT,SSL:SSL,SASL_PLAINTEXT:SASL_PLAINTEXT', 'low',
    { differs: 'changes with a restart only, since that is when listeners are opened' },
    'Security protocol of each listener name, NAME:PROTOCOL separated by commas.'),
  'controller.listener.names': list([], 'high',
    { differs: 'one kind of node only, so the key may be left out (Kafka 4 demands it)' },
    'Listeners of a KRaft controller. They are accepted and not opened.'),
  'max.connections': int(10000, 'medium', { min: 0,
    differs: 'bounded by default: an unlimited number of sockets is an open door' },
    'Most open connections; a further one is closed at once.'),
  'max.connections.per.ip': int(500, 'medium', { min: 0,
    differs: 'bounded by default: one peer must not take every connection' },
    'Most open connections from one address; a further one is closed at once.'),
  'max.connections.per.ip.overrides': string('127.0.0.1:10000,::1:10000', 'medium', {
    differs: 'everything on this machine shares one address' },
    'Exceptions to `max.connections.per.ip`, address:count separated by commas.'),
  'max.connection.creation.rate': int(200, 'medium', { min: 0,
    differs: 'bounded by default: a storm of reconnects must not starve the clients that are there' },
    'New connections accepted per second; more wait in the backlog.'),
  'connections.max.idle.ms': long(600000, 'medium', {},
    'Time in ms without a request after which a connection is closed; -1 never.'),
  'socket.listen.backlog.size': int(511, 'medium', { min: 1,
    differs: 'many clients of one machine connect at the same moment' },
    'Connections that may wait to be accepted.'),
  'socket.request.max.bytes': int(104857600, 'high', { min: 1 },
    'Largest request in bytes; a larger one closes the connection before anything is allocated for it.'),
  'queued.max.request.bytes': long(268435456, 'medium',
    { differs: 'bounded by default: memory must not grow with the number of clients' },
    'Bytes of requests that may be in memory at once over all connections; past that sockets are not read. -1 is ' +
    'unlimited.'),
  'fetch.max.bytes': int(57671680, 'medium', { min: 1024 },
    'Most bytes of records in one fetch answer, whatever the request asks for.'),
  'max.incremental.fetch.session.cache.slots': int(1000, 'medium', { min: 0 },
    'Fetch sessions kept at once.'),

  ...inert('one event loop does this work, there is no pool of threads to size', {
  'num.network.threads': int(3, 'high', { min: 1, update: 'cluster-wide' },
    'Threads that read requests and write responses.'),
  'queued.max.requests': int(500, 'high', { min: 1 },
    'Requests waiting for a handler thread. The bound here is in bytes: `queued.max.request.bytes`.'),
  }),

  ...inert('the operating system sizes socket buffers by itself', {
  'socket.send.buffer.bytes': int(102400, 'high', {},
    'Size in bytes of SO_SNDBUF of an accepted connection.'),
  'socket.receive.buffer.bytes': int(102400, 'high', {},
    'Size in bytes of SO_RCVBUF of an accepted connection.'),
  }),

  ...inert('finished operations leave the purgatory at once, so nothing is left to purge', {
  'fetch.purgatory.purge.interval.requests': int(1000, 'medium', {},
    'Requests after which finished fetches are purged.'),
  'producer.purgatory.purge.interval.requests': int(1000, 'medium', {},
    'Requests after which finished produces are purged.'),
  'delete.records.purgatory.purge.interval.requests': int(1, 'medium', {},
    'Requests after which finished DeleteRecords are purged.'),
  'share.fetch.purgatory.purge.interval.requests': int(1000, 'medium', { only: '4' },
    'Requests after which finished share fetches are purged.'),
  }),

  ...inert('there is one broker and it opens no connection to another', {
  'inter.broker.listener.name': string(null, 'medium', {},
    'Listener that other brokers use. It must be one of the listeners.'),
  'control.plane.listener.name': string(null, 'high', { only: '3.9' },
    'Listener reserved for the controller in ZooKeeper mode.'),
  'early.start.listeners': list(null, 'high', {},
    'Listeners opened before the authorizer is ready.'),
  'request.timeout.ms': int(30000, 'high', {},
    'Time in ms that a request to another broker may take.'),
  'socket.connection.setup.timeout.ms': long(10000, 'medium', {},
    'Time in ms that a connection to another broker may take to be made.'),
  'socket.connection.setup.timeout.max.ms': long(30000, 'medium', {},
    'Upper bound in ms of that time after failures.'),
  }),
}
