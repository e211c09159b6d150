import { RecordsError } from '../errors.ts'
import { compressLz4, decompressLz4, LZ4_LEVEL_DEFAULT, LZ4_LEVEL_MAX, LZ4_LEVEL_MIN } from './lz4.ts'
import { compressSnappy, decompressSnappy } from './snappy.ts'
import {
  compressGzip,
  compressZstd,
  decompressGzip,
  decompressZstd,
  GZIP_LEVEL_DEFAULT,
  ZSTD_LEVEL_DEFAULT,
  ZSTD_LEVEL_MAX,
  ZSTD_LEVEL_MIN,
} from './zlib.ts'

/** The codec bits of a batch's attributes. */
export const Codec = { NONE: 0, GZIP: 1, SNAPPY: 2, LZ4: 3, ZSTD: 4 } as const
export type Codec = (typeof Codec)[keyof typeof Codec]

/** Kafka's names (`compression.type`), at the index that is their code. */
export const CODEC_NAMES = ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const
export type CodecName = (typeof CODEC_NAMES)[number]

/** The codec of that name; `undefined` for a name Kafka does not know (`producer` and `uncompressed` among them). */
export function codecByName(name: string): Codec | undefined {
  const code = (CODEC_NAMES as readonly string[]).indexOf(name)
  return code === -1 ? undefined : (code as Codec)
}

/** Levels a codec takes; `null` for those without (none, snappy). The bounds are Kafka's. */
export function levelsOf(codec: Codec): { min: number; max: number; default: number } | null {
  switch (codec) {
    case Codec.GZIP:
      return { min: GZIP_LEVEL_DEFAULT, max: 9, default: GZIP_LEVEL_DEFAULT }
    case Codec.LZ4:
      return { min: LZ4_LEVEL_MIN, max: LZ4_LEVEL_MAX, default: LZ4_LEVEL_DEFAULT }
    case Codec.ZSTD:
      return { min: ZSTD_LEVEL_MIN, max: ZSTD_LEVEL_MAX, default: ZSTD_LEVEL_DEFAULT }
    default:
      return null
  }
}

/** Output never passes this unless the caller allows more, or one message may be larger by itself. */
export const DECOMPRESSED_BYTES_MAX = 64 * 1024 * 1024
/** What a batch may grow by before it counts as a bomb, where nothing else is configured. */
export const DECOMPRESSION_RATIO_MAX = 100

/**
 * The bound for a batch of a topic whose batches may have `messageBytesMax` bytes: a hundredfold, but no more than
 * `DECOMPRESSED_BYTES_MAX`, and never less than a batch may have uncompressed.
 */
export function decompressedBytesMax(messageBytesMax: number): number {
  return Math.max(messageBytesMax, Math.min(messageBytesMax * DECOMPRESSION_RATIO_MAX, DECOMPRESSED_BYTES_MAX))
}

/**
 * The compressed form of `input`, which stays as it is; for `NONE` the input itself.
 * Throws `VALUE` for a level outside `levelsOf(codec)`; snappy has no levels
 * and takes none.
 */
export function compress(codec: Codec, input: Buffer, level?: number): Buffer {
  if (level !== undefined) checkLevel(codec, level)
  switch (codec) {
    case Codec.NONE:
      return input
    case Codec.GZIP:
      return compressGzip(input, level ?? GZIP_LEVEL_DEFAULT)
    case Codec.SNAPPY:
      return compressSnappy(input)
    case Codec.LZ4:
      return compressLz4(input, level ?? LZ4_LEVEL_DEFAULT)
    case Codec.ZSTD:
      return compressZstd(input, level ?? ZSTD_LEVEL_DEFAULT)
    default:
      throw unknown(codec)
  }
}

/**
 * The bytes that `input` holds, at most `maxBytes`. For `NONE` the input itself, whatever its length. Throws
 * `RecordsError` only: `CORRUPT`, `TOO_LARGE` (told before memory beyond the bound is taken), `CODEC`.
 */
export function decompress(codec: number, input: Buffer, maxBytes: number): Buffer {
  if (codec === Codec.NONE) return input
  if (codec < 0 || codec > Codec.ZSTD) throw unknown(codec)
  if (maxBytes < 1)
    throw new RecordsError('TOO_LARGE', `${CODEC_NAMES[codec]}: more than the allowed ${maxBytes} bytes`)
  if (input.length === 0) throw new RecordsError('CORRUPT', `${CODEC_NAMES[codec]}: no bytes`)
  switch (codec as Codec) {
    case Codec.GZIP:
      return decompressGzip(input, maxBytes)
    case Codec.SNAPPY:
      return decompressSnappy(input, maxBytes)
    case Codec.LZ4:
      return decompressLz4(input, maxBytes)
    default:
      return decompressZstd(input, maxBytes)
  }
}

function checkLevel(codec: Codec, level: number): void {
  const levels = levelsOf(codec)
  if (levels === null) throw new RecordsError('VALUE', `${CODEC_NAMES[codec]} has no levels`)
  // zlib's level 0 stores, which Kafka does not offer
  const inside = Number.isInteger(level) && level >= levels.min && level <= levels.max
  if (!inside || (codec === Codec.GZIP && level === 0)) {
    throw new RecordsError('VALUE', `${CODEC_NAMES[codec]} level ${level}, must be ${levels.min} to ${levels.max}`)
  }
}

function unknown(codec: number): RecordsError {
  return new RecordsError('CODEC', `compression codec ${codec}`)
}
