/** Why a codec refused its input. `TRUNCATED`, `LENGTH`, `TAG` and `NULL` are the peer's fault, `VALUE` the caller's. */
export type CodecErrorCode =
  /** The bytes end inside a field. */
  | 'TRUNCATED'
  /** A length or count is negative where it may not be, or larger than what the remaining bytes can hold. */
  | 'LENGTH'
  /** A null where the version does not allow one. */
  | 'NULL'
  /** Tags not strictly ascending, or a tagged field whose content does not end where it said. */
  | 'TAG'
  /** A varint longer than its type. */
  | 'VARINT'
  /** Bytes left over after the message. */
  | 'TRAILING'
  /** Decoding would allocate more than the bound allows (see `Reader`). */
  | 'ALLOCATION'
  | 'ELEMENTS'
  /** The message has no such version. */
  | 'VERSION'
  /** A value to encode lies outside its type, or its version has no room for it. */
  | 'VALUE'

/** The only error the codecs throw. */
export class CodecError extends Error {
  readonly code: CodecErrorCode

  constructor(code: CodecErrorCode, message: string) {
    super(message)
    this.name = 'CodecError'
    this.code = code
  }
}
