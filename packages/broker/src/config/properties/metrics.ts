import { boolean, className, inert, int, list, long, refused, string } from '../property.ts'

/** Quotas, metrics and telemetry. What is measured and limited per client. */
// biome-ignore format: a table, two lines a property
export const metricsProperties = {
  ...refused("Code of one's own cannot be loaded into this broker; remove the key.", {
  'client.quota.callback.class': className(null, 'low', {},
    'Class that decides the quota of each request.'),
  }),

  ...inert('no quota is enforced', {
  'quota.window.num': int(11, 'low', { min: 1 },
    'Samples kept for client quotas.'),
  'quota.window.size.seconds': int(1, 'low', { min: 1 },
    'Seconds of one such sample.'),
  'controller.quota.window.num': int(11, 'low', { min: 1 },
    'Samples kept for the quota of topic changes.'),
  'controller.quota.window.size.seconds': int(1, 'low', { min: 1 },
    'Seconds of one such sample.'),
  }),

  ...inert('metrics are offered as Prometheus text, see `ottla.http.listener`', {
  'metric.reporters': list(['org.apache.kafka.common.metrics.JmxReporter'], 'low', { update: 'cluster-wide' },
    'Classes that are told of every metric.'),
  'kafka.metrics.reporters': list([], 'low', {},
    'Classes that are told of the older kind of metrics.'),
  'kafka.metrics.polling.interval.secs': int(10, 'low', { min: 1 },
    'Seconds between two looks of those classes.'),
  'auto.include.jmx.reporter': boolean(true, 'low', { only: '3.9' },
    'Whether metrics appear in JMX.'),
  'metrics.num.samples': int(2, 'low', { min: 1 },
    'Samples kept per metric.'),
  'metrics.recording.level': string('INFO', 'low', {},
    'How many metrics are recorded: INFO, DEBUG or TRACE.'),
  'metrics.sample.window.ms': long(30000, 'low', { min: 1 },
    'Time in ms of one sample.'),
  'telemetry.max.bytes': int(1048576, 'low', { min: 1 },
    'Largest push of client metrics in bytes. Client metrics are not collected.'),
  }),
}
