import { ErrorCode } from '@ottla/protocol'

/** What came of one item of an administrative request. */
export interface ItemOutcome {
  readonly errorCode: number
  readonly errorMessage: string | null
}

export const DONE: ItemOutcome = { errorCode: ErrorCode.NONE, errorMessage: null }

export function refusal(errorCode: number, errorMessage: string): ItemOutcome {
  return { errorCode, errorMessage }
}
