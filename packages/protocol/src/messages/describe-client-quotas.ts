import { array, boolean, float64, int8, int16, int32, string } from '../codec/fields.ts'
import { request, response } from '../codec/message.ts'

/** Quotas that match a filter (KIP-546). */
const shape = { key: 48, name: 'DescribeClientQuotas', versions: '0-1', flexible: '1+' } as const

export const DescribeClientQuotasRequest = request(shape, () => ({
  components: array({
    /** `user`, `client-id` or `ip`. */
    entityType: string(),
    /** 0: the name in `match`; 1: the default; 2: any name. */
    matchType: int8(),
    match: string({ nullable: '0+' }),
  }),
  /** Leave out quotas of entities that have further components. */
  strict: boolean(),
}))

export const DescribeClientQuotasResponse = response(shape, () => ({
  throttleTimeMs: int32(),
  errorCode: int16(),
  errorMessage: string({ nullable: '0+' }),
  entries: array(
    {
      entity: array({
        entityType: string(),
        /** Null for the default of the type. */
        entityName: string({ nullable: '0+' }),
      }),
      values: array({
        key: string(),
        value: float64(),
      }),
    },
    { nullable: '0+' },
  ),
}))
