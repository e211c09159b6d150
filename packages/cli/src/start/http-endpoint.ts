import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Broker } from '@ottla/broker'

export interface HttpEndpoint {
  readonly port: number
  close(): Promise<void>
}

/**
 * `GET /metrics` in Prometheus' text format, `/health` (the process answers) and `/ready` (it serves clients; 503 until
 * then and when every log directory has failed). Listens on `host:port` and nowhere else.
 */
export function serveHttp(listener: string, broker: Broker): Promise<HttpEndpoint> {
  const at = listener.lastIndexOf(':')
  const host = listener.slice(0, at).replace(/^\[|\]$/g, '')
  const server = createServer((request, response) => {
    const [path] = (request.url ?? '/').split('?')
    const answer = request.method === 'GET' || request.method === 'HEAD' ? answerTo(path, broker) : METHOD_NOT_ALLOWED
    response.writeHead(answer.status, { 'content-type': answer.type, 'x-content-type-options': 'nosniff' })
    response.end(request.method === 'HEAD' ? undefined : answer.body)
  })
  server.requestTimeout = 10_000
  server.maxConnections = 100
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(Number(listener.slice(at + 1)), host === '' ? undefined : host, () => {
      resolve({
        port: (server.address() as AddressInfo).port,
        close: () =>
          new Promise((closed) => {
            server.close(() => closed())
            server.closeAllConnections()
          }),
      })
    })
  })
}

interface Answer {
  readonly status: number
  readonly type: string
  readonly body: string
}

const TEXT = 'text/plain; charset=utf-8'
const METHOD_NOT_ALLOWED: Answer = { status: 405, type: TEXT, body: 'only GET\n' }

function answerTo(path: string, broker: Broker): Answer {
  switch (path) {
    case '/metrics':
      return { status: 200, type: 'text/plain; version=0.0.4; charset=utf-8', body: broker.metrics() }
    case '/health':
      return { status: 200, type: TEXT, body: 'ok\n' }
    case '/ready':
      return broker.isReady
        ? { status: 200, type: TEXT, body: 'ready\n' }
        : { status: 503, type: TEXT, body: 'not ready\n' }
    default:
      return { status: 404, type: TEXT, body: 'try /metrics, /health or /ready\n' }
  }
}
