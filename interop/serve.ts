import { createHash } from 'node:crypto'
import { createInterface } from 'node:readline'
import type { Answers, ConsumedRecord, Content, Op, ProduceRequest, Request } from './contract.ts'
import { Unsupported } from './contract.ts'

type Handlers = {
  [Name in Op]?: (
    bootstrap: string,
    request: Extract<Request, { op: Name }>,
    sent: () => Promise<void>,
  ) => Promise<Answers[Name]>
}

/** The bytes of a value, or null. */
export function contentBytes(content: Content): Buffer | null {
  if (content === null) return null
  if (typeof content === 'string') return Buffer.from(content)
  const bytes = Buffer.allocUnsafe(content.bytes)
  for (let i = 0; i < bytes.length; i++) bytes[i] = i % 251
  return bytes
}

/** A consumed value as the contract wants it. */
export function consumedValue(value: Buffer | null | undefined): ConsumedRecord['value'] {
  if (value === null || value === undefined) return null
  if (value.length <= 4096) return value.toString()
  return { bytes: value.length, sha256: createHash('sha256').update(value).digest('hex') }
}

export const text = (value: Buffer | null | undefined) =>
  value === null || value === undefined ? null : value.toString()

/** What an error says, and those that it is made of: some clients keep the broker's answer in there. */
export function reason(error: Error & { errors?: Error[]; apiId?: string }): string {
  const named = error.apiId === undefined ? error.message : `${error.message} (${error.apiId})`
  const causes = [...(error.errors ?? []), ...(error.cause instanceof Error ? [error.cause] : [])]
  return [...new Set([named, ...causes.map(reason)])].join('; ')
}

/** Answers the runner's requests one after the other until its input ends. */
export async function serve(handlers: Handlers): Promise<void> {
  const say = (answer: object) => process.stdout.write(`${JSON.stringify(answer)}\n`)
  const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]()
  const sent = async () => {
    say({ event: 'sent' })
    await lines.next()
  }
  for (let line = await lines.next(); !line.done; line = await lines.next()) {
    const { id, bootstrap, ...request } = JSON.parse(line.value) as Request & { id: number; bootstrap: string }
    const handler = handlers[request.op] as
      | ((bootstrap: string, request: unknown, sent: () => Promise<void>) => Promise<object>)
      | undefined
    try {
      if (handler === undefined) throw new Unsupported(`no ${request.op} in this client`)
      say({ id, ok: true, ...(await handler(bootstrap, request, sent)) })
    } catch (error) {
      const message = reason(error as Error)
      say(error instanceof Unsupported ? { id, unsupported: message } : { id, ok: false, error: message })
    }
  }
  // Some clients keep timers after they were closed.
  process.exit(0)
}

/** All records of a request, the later ones marked. */
export function turns(request: ProduceRequest): ProduceRequest['records'][] {
  return request.then === undefined ? [request.records] : [request.records, request.then]
}
