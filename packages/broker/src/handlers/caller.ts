import type { Caller } from '@ottla/coordinator'
import type { Request } from '../server/request.ts'

/** Who sends a request to a coordinator, as Apache Kafka writes it into its records: the address behind a slash. */
export function callerOf({ apiVersion, clientId, connection }: Request): Caller {
  return { apiVersion, clientId: clientId ?? '', clientHost: `/${connection.address}` }
}
