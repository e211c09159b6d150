import { ErrorCode } from '@ottla/protocol'

/** Clients of versions before do not know PRODUCER_FENCED (KIP-588): to them the epoch is invalid. */
export function fencedBefore(since: number, version: number, errorCode: number): number {
  return errorCode === ErrorCode.PRODUCER_FENCED && version < since ? ErrorCode.INVALID_PRODUCER_EPOCH : errorCode
}
