import { boolean, bytes, int8, int16, int32, uuid } from '../codec/fields.ts'
import { request, response } from '../codec/message.ts'

/** Metrics of a client, as OTLP protobuf (KIP-714). */
const shape = { key: 72, name: 'PushTelemetry', versions: '0', flexible: '0+' } as const

export const PushTelemetryRequest = request(shape, () => ({
  clientInstanceId: uuid(),
  subscriptionId: int32(),
  /** The client's last push. */
  terminating: boolean(),
  /** Codec id as in a record batch's attributes. */
  compressionType: int8(),
  metrics: bytes(),
}))

export const PushTelemetryResponse = response(shape, () => ({
  throttleTimeMs: int32(),
  errorCode: int16(),
}))
