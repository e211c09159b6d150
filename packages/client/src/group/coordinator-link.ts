import type { Api, RequestOf, ResponseOf } from '@ottla/net'
import { ErrorCode } from '@ottla/protocol'
import type { Cluster } from '../cluster/cluster.ts'
import type { Purpose } from '../cluster/connection-pool.ts'
import { findCoordinator } from '../cluster/coordinators.ts'
import { retry } from '../cluster/retry.ts'
import { BrokerError, KafkaError } from '../errors.ts'

/** The way to the broker that coordinates one group, found anew when it has moved. */
export class CoordinatorLink {
  readonly #cluster: Cluster
  readonly #group: string
  /** Nobody else's: while a JoinGroup waits for the others, theirs must not wait behind it. */
  readonly #purpose: Purpose
  #isClosed = false
  #nodeId: number | null = null
  #finding: Promise<number> | null = null

  constructor(cluster: Cluster, group: string) {
    this.#cluster = cluster
    this.#group = group
    this.#purpose = cluster.pool.own('group')
  }

  /** Ends what is under way. */
  close(): void {
    this.#isClosed = true
    this.#cluster.pool.release(this.#purpose)
  }

  /** One request, once. A failure that says that the coordinator is another makes the next call look for it. */
  async ask<A extends Api>(
    api: A,
    body: (version: number) => RequestOf<A>,
    options: {
      readonly highest?: number
      readonly timeoutMs?: number
      /** Not behind what is under way. */
      readonly overtakes?: boolean
      errorOf(response: ResponseOf<A>): number
      detailOf?(response: ResponseOf<A>): string | null
    },
  ): Promise<ResponseOf<A>> {
    try {
      const nodeId = this.#nodeId ?? (await this.#find())
      const isShort = options.overtakes === true || this.#isClosed
      const connection = await this.#cluster.pool.get(nodeId, isShort ? 'general' : this.#purpose)
      const version = connection.versions.pick(api, options.highest)
      const { timeoutMs } = options
      const response = await connection.call(api, body(version), { version, timeoutMs })
      const errorCode = options.errorOf(response)
      if (errorCode !== ErrorCode.NONE) {
        throw new BrokerError(errorCode, `group ${this.#group}`, options.detailOf?.(response))
      }
      return response
    } catch (error) {
      if (error instanceof KafkaError && hasMoved(error)) this.#nodeId = null
      throw error
    }
  }

  /** As `ask`, again while that may help, for as long as `apiTimeoutMs`. */
  insist<T>(attempt: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    const { apiTimeoutMs: timeoutMs, backOff } = this.#cluster.settings
    return retry(this.#cluster.deps, { timeoutMs, backOff, signal }, attempt)
  }

  #find(): Promise<number> {
    this.#finding ??= findCoordinator(this.#cluster, 'group', this.#group)
      .then((nodeId) => {
        this.#nodeId = nodeId
        return nodeId
      })
      .finally(() => {
        this.#finding = null
      })
    return this.#finding
  }
}

/** It answers that it is not the one, or it does not answer. */
function hasMoved(error: KafkaError): boolean {
  if (!(error instanceof BrokerError)) return true
  return error.errorCode === ErrorCode.NOT_COORDINATOR || error.errorCode === ErrorCode.COORDINATOR_NOT_AVAILABLE
}
