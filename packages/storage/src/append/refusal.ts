/** Why an append is refused: Kafka's error code and what to tell the producer. */
export interface Refusal {
  readonly errorCode: number
  readonly errorMessage: string
  readonly recordErrors: readonly RecordError[]
}

export interface RecordError {
  readonly batchIndex: number
  readonly message: string
}

const NO_RECORD_ERRORS: readonly RecordError[] = []

export function refusal(errorCode: number, errorMessage: string, recordErrors = NO_RECORD_ERRORS): Refusal {
  return { errorCode, errorMessage, recordErrors }
}
