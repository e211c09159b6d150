import { CommandError, UsageError } from './command.ts'
import { exitCodes } from './exit-codes.ts'

interface Coded extends Error {
  readonly code?: unknown
  readonly peer?: string
  readonly exitCode?: unknown
}

/** One sentence for a person, and the exit code. */
export function explain(error: unknown): { message: string; exitCode: number } {
  if (!(error instanceof Error)) return { message: String(error), exitCode: exitCodes.failed }
  if (error instanceof UsageError) return { message: error.message, exitCode: exitCodes.usage }
  if (error instanceof CommandError) return { message: error.message, exitCode: error.exitCode }
  const { code, peer } = error as Coded
  switch (code) {
    case 'CONNECTION_REFUSED':
      return {
        message: `${error.message}: is a broker running there? (-b names another one, \`ottla start\` runs one)`,
        exitCode: exitCodes.unreachable,
      }
    case 'HOST_NOT_FOUND':
    case 'CONNECT_TIMEOUT':
    case 'CONNECTION_FAILED':
    case 'CONNECTION_CLOSED':
    case 'REQUEST_TIMEOUT':
    case 'MALFORMED_RESPONSE':
      return { message: error.message, exitCode: exitCodes.unreachable }
    case 'TIMEOUT':
      return { message: error.message, exitCode: peer === undefined ? exitCodes.failed : exitCodes.unreachable }
    case 'CONFIG':
      return { message: error.message, exitCode: exitCodes.usage }
    case 'UNKNOWN_TOPIC_OR_PARTITION':
    case 'UNKNOWN_TOPIC_ID':
    case 'BROKER_NOT_AVAILABLE':
    case 'TRANSACTIONAL_ID_NOT_FOUND':
      return { message: error.message, exitCode: exitCodes.notFound }
    case 'GROUP_ID_NOT_FOUND':
      return { message: `${error.message}: \`ottla group list\` shows those that do`, exitCode: exitCodes.notFound }
    case 'NON_EMPTY_GROUP':
      return {
        message: `${error.message}: stop them first (\`ottla group members\` shows them)`,
        exitCode: exitCodes.failed,
      }
    case 'RECORD_TOO_LARGE':
      return { message: `${error.message}: -X max.request.size=… raises it`, exitCode: exitCodes.failed }
    case 'ENOENT':
      return { message: `no such file: ${(error as NodeJS.ErrnoException).path}`, exitCode: exitCodes.notFound }
    case 'EISDIR':
      return { message: 'a folder was named where a file is wanted', exitCode: exitCodes.failed }
    case 'EACCES':
    case 'EPERM':
      return { message: `no permission: ${error.message}`, exitCode: exitCodes.failed }
    default:
      return { message: error.message, exitCode: exitCodes.failed }
  }
}

/** True for errors that are meant for a person; anything else is a bug and shows its stack. */
export function isExpected(error: unknown): boolean {
  return error instanceof UsageError || error instanceof CommandError || typeof (error as Coded)?.code === 'string'
}
