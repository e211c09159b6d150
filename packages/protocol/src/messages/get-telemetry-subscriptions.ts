import { array, boolean, int8, int16, int32, string, uuid } from '../codec/fields.ts'
import { request, response } from '../codec/message.ts'

/** Which metrics the broker wants from this client, and how often (KIP-714). */
const shape = { key: 71, name: 'GetTelemetrySubscriptions', versions: '0', flexible: '0+' } as const

export const GetTelemetrySubscriptionsRequest = request(shape, () => ({
  /** Zero to be given one. */
  clientInstanceId: uuid(),
}))

export const GetTelemetrySubscriptionsResponse = response(shape, () => ({
  throttleTimeMs: int32(),
  errorCode: int16(),
  clientInstanceId: uuid(),
  subscriptionId: int32(),
  /** Codec ids as in a record batch's attributes, the preferred one first. */
  acceptedCompressionTypes: array(int8()),
  /** Milliseconds between pushes. */
  pushIntervalMs: int32(),
  telemetryMaxBytes: int32(),
  /** Counters as differences since the push before, not as totals. */
  deltaTemporality: boolean(),
  /** Prefixes of metric names; one empty prefix for all metrics, an empty list for none. */
  requestedMetrics: array(string()),
}))
