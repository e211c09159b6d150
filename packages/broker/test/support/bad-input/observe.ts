import type { Broker } from '@ottla/broker'
import { type Logger, silentLogger } from '@ottla/runtime'
import type { Observed } from './target.ts'

/** Counts the lines that tell of bad input, and of bugs. */
export class LineCounter {
  closedLines = 0
  errorLines = 0
  lastError = ''

  readonly logger: Logger = {
    ...silentLogger,
    level: 'warn',
    warn: (message) => {
      if (message.startsWith('closed connection: ')) this.closedLines++
    },
    error: (message, fields) => {
      this.errorLines++
      this.lastError = `${message} ${JSON.stringify(fields)}`
    },
  }
}

export function observe(broker: Broker, { closedLines, errorLines, lastError }: LineCounter): Observed {
  const metrics = broker.metrics()
  const metric = (name: string) => Number(new RegExp(`^${name} (\\d+)$`, 'm').exec(metrics)?.[1])
  return {
    connections: metric('ottla_connections'),
    queuedRequestBytes: broker.queuedRequestBytes,
    protocolErrors: metric('ottla_protocol_errors_total'),
    closedLines,
    errorLines,
    lastError,
  }
}
