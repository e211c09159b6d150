import type { TestContext } from 'node:test'
import { type Api, api, FrameAssembler, type RequestOf, type ResponseOf } from '@ottla/net'
import {
  ApiVersionsRequest,
  ApiVersionsResponse,
  apiByKey,
  decodeRequestHeader,
  encodeResponse,
  type InputOf,
  type MetadataResponse,
} from '@ottla/protocol'
import type { Socket } from '@ottla/runtime'
import { nodeNetwork } from '@ottla/runtime/node'
import { metadataApi } from '../../src/apis.ts'

/** An answer, or what happens instead of one. */
export type Answer<A extends Api> = RequestOf<Api<A['response'], A['response']>> | 'cut' | 'silence'

// biome-ignore lint/suspicious/noExplicitAny: handlers of all APIs in one table
type Handler = (request: any, version: number) => any

/**
 * A broker of which a test writes every answer, over a real socket. What no handler is given for is not offered.
 */
export class FakeBroker {
  readonly id: number
  port = 0
  /** Finalized features and their levels, e.g. `transaction.version`. */
  features: Readonly<Record<string, number>> = {}
  readonly requests: { readonly name: string; readonly version: number; readonly body: unknown }[] = []
  private readonly handlers = new Map<number, { api: Api; handler: Handler }>()
  private readonly sockets = new Set<Socket>()

  constructor(id: number) {
    this.id = id
    this.on(api(ApiVersionsRequest, ApiVersionsResponse), () => ({
      apiKeys: [...this.handlers.values()].map(({ api }) => ({
        apiKey: api.key,
        minVersion: api.minVersion,
        maxVersion: api.maxVersion,
      })),
      finalizedFeaturesEpoch: 1,
      finalizedFeatures: Object.entries(this.features).map(([name, level]) => ({
        name,
        minVersionLevel: level,
        maxVersionLevel: level,
      })),
    }))
  }

  /** Answers every request of an API; handlers may be replaced at any time. */
  on<A extends Api>(
    api: A,
    handler: (request: ResponseOf<Api<A['request'], A['request']>>, version: number) => unknown,
  ): this {
    this.handlers.set(api.key, { api, handler: handler as Handler })
    return this
  }

  async listen(t: TestContext): Promise<this> {
    const listener = await nodeNetwork.listen({ host: '127.0.0.1', port: 0 }, (socket) => this.accept(socket))
    this.port = listener.port
    t.after(async () => {
      for (const socket of this.sockets) socket.destroy()
      await listener.close()
    })
    return this
  }

  /** Cuts every connection. */
  cut(): void {
    for (const socket of this.sockets) socket.destroy()
  }

  count(name: string): number {
    return this.requests.filter((r) => r.name === name).length
  }

  private accept(socket: Socket): void {
    this.sockets.add(socket)
    const assembler = new FrameAssembler({
      onFrame: (frame) => {
        this.answer(socket, frame)
        return undefined
      },
      onError: () => socket.destroy(),
    })
    socket.handle({ onData: (chunk) => assembler.push(chunk), onClose: () => this.sockets.delete(socket) })
  }

  private answer(socket: Socket, frame: Buffer): void {
    const { apiKey, apiVersion, correlationId, reader } = decodeRequestHeader(frame)
    const known = apiByKey(apiKey)!
    const body = known.request.read(reader, apiVersion)
    this.requests.push({ name: known.name, version: apiVersion, body })
    const answer = this.handlers.get(apiKey)!.handler(body, apiVersion)
    if (answer === 'cut') socket.destroy()
    else if (answer !== 'silence') socket.write(encodeResponse(known.response, apiVersion, correlationId, answer))
  }
}

/** Metadata that names brokers and the leader of each partition of some topics. */
export function metadataOf(
  brokers: readonly FakeBroker[],
  topics: Readonly<Record<string, readonly number[]>>,
  leaderEpoch = 0,
): InputOf<typeof MetadataResponse> {
  return {
    clusterId: 'fake',
    controllerId: brokers[0].id,
    brokers: brokers.map((b) => ({ nodeId: b.id, host: '127.0.0.1', port: b.port })),
    topics: Object.entries(topics).map(([name, leaders]) => ({
      name,
      partitions: leaders.map((leaderId, partitionIndex) => ({
        partitionIndex,
        leaderId,
        leaderEpoch,
        replicaNodes: brokers.map((b) => b.id),
        isrNodes: brokers.map((b) => b.id),
        offlineReplicas: [],
      })),
    })),
  }
}

export { metadataApi }
