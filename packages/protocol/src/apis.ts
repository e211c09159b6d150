import { Message } from './codec/message.ts'
import type { VersionRange } from './codec/versions.ts'
import * as messages from './messages/index.ts'

/** One API: a request and its response, which share key, versions and flexible versions. */
export interface Api {
  readonly key: number
  /** Kafka's name, e.g. `Fetch`. */
  readonly name: string
  readonly request: Message
  readonly response: Message
  /** The versions that may be advertised and sent. */
  readonly versions: VersionRange
  /** The definitions know one version more than `versions`, which Kafka has not settled. */
  readonly latestVersionUnstable: boolean
}

const byKey: (Api | undefined)[] = []

for (const request of Object.values(messages)) {
  if (!(request instanceof Message) || request.kind !== 'request') continue
  const name = request.name.slice(0, -'Request'.length)
  const response = (messages as Record<string, unknown>)[`${name}Response`] as Message
  const { min, max } = request.versions
  byKey[request.key] = {
    key: request.key,
    name,
    request: request as Message,
    response,
    versions: { min, max: request.latestVersionUnstable ? max - 1 : max },
    latestVersionUnstable: request.latestVersionUnstable,
  }
}

/** Every API that has a definition, by ascending key. */
export const apis: readonly Api[] = byKey.filter((api) => api !== undefined)

export function apiByKey(key: number): Api | undefined {
  return byKey[key]
}

/** `Fetch` for 1; `API_95` for a key the protocol does not have. */
export function apiName(key: number): string {
  return byKey[key]?.name ?? `API_${key}`
}
