import { array, int16, int32, int64, string } from '../codec/fields.ts'
import { request, response } from '../codec/message.ts'

/** The transactions of one coordinator; for all of them, ask every broker (KIP-664). */
const shape = { key: 66, name: 'ListTransactions', versions: '0-2', flexible: '0+' } as const

export const ListTransactionsRequest = request(shape, () => ({
  /** Empty for any state. */
  stateFilters: array(string()),
  /** Empty for any. */
  producerIdFilters: array(int64(), { entity: 'producerId' }),
  /** Only those open for longer, in milliseconds; -1 for all (KIP-994). */
  durationFilter: int64({ v: '1+', default: -1 }),
  /** A regular expression; null or empty for all (KIP-1152). */
  transactionalIdPattern: string({ v: '2+', nullable: '2+', default: null }),
}))

export const ListTransactionsResponse = response(shape, () => ({
  throttleTimeMs: int32(),
  errorCode: int16(),
  /** Filters that name no state. */
  unknownStateFilters: array(string()),
  transactionStates: array({
    transactionalId: string({ entity: 'transactionalId' }),
    producerId: int64({ entity: 'producerId' }),
    transactionState: string(),
  }),
}))
