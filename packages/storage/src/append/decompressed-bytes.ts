import { DECOMPRESSED_BYTES_MAX, decompressedBytesMax } from '@ottla/protocol/records'
import type { LogConfig } from '../types.ts'

/**
 * What a batch may hold decompressed to be appended: `max.decompressed.message.bytes`, whose default is no bound at all,
 * but no more than what docs/limits.md allows for batches of `max.message.bytes`.
 */
export function appendableBytesMax({ maxDecompressedMessageBytes, maxMessageBytes }: LogConfig): number {
  return Math.min(maxDecompressedMessageBytes, decompressedBytesMax(maxMessageBytes))
}

/**
 * The bound for a batch that is in the log: it may have been appended under other settings, and without a look inside.
 * Whoever meets one beyond the bound leaves it as it is.
 */
export function storedBytesMax({ maxMessageBytes }: LogConfig): number {
  return Math.max(DECOMPRESSED_BYTES_MAX, maxMessageBytes)
}
