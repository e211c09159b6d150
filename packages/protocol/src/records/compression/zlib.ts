import { constants, gunzipSync, gzipSync, zstdCompressSync, zstdDecompressSync } from 'node:zlib'
import { RecordsError } from '../errors.ts'

/**
 * gzip and zstd by Node's own zlib, which stops at `maxOutputLength` instead of inflating a bomb. A zstd frame may ask
 * for a window of up to 128 MiB (what level 22 writes, and the decoder's default limit): that is address space, its
 * pages are touched only as far as output is written, so the bound on the output is the bound on memory.
 */

/** Kafka's `compression.gzip.level`: 1 to 9, −1 is zlib's own choice. */
export const GZIP_LEVEL_DEFAULT = -1
/** Kafka's `compression.zstd.level`. */
export const ZSTD_LEVEL_MIN = -131_072
export const ZSTD_LEVEL_MAX = 22
export const ZSTD_LEVEL_DEFAULT = 3

const CHUNK_BYTES_MIN = 16 * 1024
const CHUNK_BYTES_MAX = 1024 * 1024

export const compressGzip = (input: Buffer, level: number): Buffer =>
  gzipSync(input, { level, chunkSize: chunkBytes(input.length) })

export const compressZstd = (input: Buffer, level: number): Buffer =>
  zstdCompressSync(input, {
    params: { [constants.ZSTD_c_compressionLevel]: level },
    pledgedSrcSize: input.length,
    chunkSize: chunkBytes(input.length),
  })

export const decompressGzip = (input: Buffer, maxBytes: number): Buffer =>
  bounded('gzip', maxBytes, () =>
    gunzipSync(input, { maxOutputLength: maxBytes, chunkSize: chunkBytes(input.length * 4) }),
  )

export const decompressZstd = (input: Buffer, maxBytes: number): Buffer =>
  bounded('zstd', maxBytes, () =>
    zstdDecompressSync(input, { maxOutputLength: maxBytes, chunkSize: chunkBytes(input.length * 4) }),
  )

/** Output arrives in chunks of this size, joined at the end: few for large streams, small for small ones. */
const chunkBytes = (estimate: number): number => Math.min(CHUNK_BYTES_MAX, Math.max(CHUNK_BYTES_MIN, estimate))

function bounded(codec: string, maxBytes: number, decompress: () => Buffer): Buffer {
  try {
    return decompress()
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') {
      throw new RecordsError('TOO_LARGE', `${codec}: more than the allowed ${maxBytes} bytes`)
    }
    throw new RecordsError('CORRUPT', `${codec}: ${(error as Error).message}`)
  }
}
