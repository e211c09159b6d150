import { array, boolean, float64, int16, int32, string } from '../codec/fields.ts'
import { request, response } from '../codec/message.ts'

/** Sets and removes quotas (KIP-546). */
const shape = { key: 49, name: 'AlterClientQuotas', versions: '0-1', flexible: '1+' } as const

export const AlterClientQuotasRequest = request(shape, () => ({
  entries: array({
    entity: array({
      entityType: string(),
      /** Null for the default of the type. */
      entityName: string({ nullable: '0+' }),
    }),
    ops: array({
      /**
       * `producer_byte_rate`, `consumer_byte_rate`, `request_percentage`, `controller_mutation_rate` or
       * `connection_creation_rate`.
       */
      key: string(),
      value: float64(),
      /** Remove the quota; `value` means nothing then. */
      remove: boolean(),
    }),
  }),
  validateOnly: boolean(),
}))

export const AlterClientQuotasResponse = response(shape, () => ({
  throttleTimeMs: int32(),
  entries: array({
    errorCode: int16(),
    errorMessage: string({ nullable: '0+' }),
    entity: array({
      entityType: string(),
      entityName: string({ nullable: '0+' }),
    }),
  }),
}))
