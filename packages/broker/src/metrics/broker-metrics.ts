import type { LogManager } from '@ottla/storage'
import type { ReplicaManager } from '../replica-manager/replica-manager.ts'
import type { Handler } from '../server/handler.ts'
import type { Server } from '../server/server.ts'
import type { MetricFamily } from './prometheus.ts'

export interface MetricSources {
  readonly server: Server
  readonly replicas: ReplicaManager
  readonly logs: LogManager
  readonly handlers: Iterable<Handler>
  readonly uptimeMs: number
}

/** What a broker can be asked about itself, gathered when asked; the hot path only counts. */
export function brokerMetrics({ server, replicas, logs, handlers, uptimeMs }: MetricSources): MetricFamily[] {
  let partitions = 0
  let bytes = 0
  for (const { log } of replicas.all()) {
    partitions++
    bytes += log.sizeBytes
  }
  const { counters } = server
  return [
    gauge('ottla_uptime_seconds', 'Time since the broker started.', uptimeMs / 1000),
    gauge('ottla_connections', 'Client connections that are open.', server.connectionCount),
    counter('ottla_connections_accepted_total', 'Client connections accepted.', counters.accepted),
    counter('ottla_connections_refused_total', 'Client connections refused by a limit.', counters.refused),
    counter('ottla_protocol_errors_total', 'Connections closed for what the client sent.', counters.protocolErrors),
    counter('ottla_received_bytes_total', 'Bytes received in request frames.', counters.bytesIn),
    counter('ottla_sent_bytes_total', 'Bytes handed to sockets in responses.', counters.bytesOut),
    counter(
      'ottla_sent_file_bytes_total',
      'Of these, bytes sent from files without having been read.',
      counters.bytesFromFiles,
    ),
    gauge('ottla_queued_request_bytes', 'Bytes of requests not yet answered.', server.queuedBytes.total),
    {
      name: 'ottla_requests_total',
      help: 'Requests accepted, by API.',
      type: 'counter',
      samples: [...handlers].map(({ request }) => ({
        labels: { api: request.name.replace(/Request$/, '') },
        value: counters.requests[request.key] ?? 0,
      })),
    },
    gauge('ottla_partitions', 'Partitions this broker holds.', partitions),
    gauge('ottla_log_size_bytes', 'Bytes of all log segments.', bytes),
    {
      name: 'ottla_log_directory_offline',
      help: 'Whether a log directory has failed.',
      type: 'gauge',
      samples: logs.directories.map(({ path, offline }) => ({ labels: { path }, value: offline === null ? 0 : 1 })),
    },
  ]
}

function gauge(name: string, help: string, value: number): MetricFamily {
  return { name, help, type: 'gauge', samples: [{ value }] }
}

function counter(name: string, help: string, value: number): MetricFamily {
  return { name, help, type: 'counter', samples: [{ value }] }
}
