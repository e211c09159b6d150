/** Why record bytes were refused. */
export type RecordsErrorCode =
  /** Compressed bytes that are no valid stream of their codec. */
  | 'CORRUPT'
  /** Compressed bytes that hold more than the caller's bound; told before the bound is passed, not after. */
  | 'TOO_LARGE'
  /** Codec bits 5 to 7. */
  | 'CODEC'
  /** A message set of format 0 or 1 (before Kafka 0.11), or an unknown magic. */
  | 'MAGIC'
  /** A batch whose header contradicts itself or its size. */
  | 'BATCH'
  /** A batch whose CRC-32C does not match. */
  | 'CRC'
  /** A record whose lengths or deltas contradict the batch. */
  | 'RECORD'
  /** A value to write that has no room in the format. */
  | 'VALUE'

/** The only error that reading, building, compressing and decompressing records throw. */
export class RecordsError extends Error {
  readonly code: RecordsErrorCode

  constructor(code: RecordsErrorCode, message: string) {
    super(message)
    this.name = 'RecordsError'
    this.code = code
  }
}
