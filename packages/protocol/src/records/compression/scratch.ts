/**
 * Compressors write into one shared buffer sized for the worst case, then copy what they wrote: fresh pages for every
 * worst case would cost more than the copy, and results that are views would keep them alive. Everything here is
 * synchronous, so one buffer serves; it is handed out again by the next call.
 */

/** What stays allocated once used; larger outputs get a buffer of their own. */
const SCRATCH_BYTES_MAX = 2 * 1024 * 1024

let shared: Buffer | null = null

/** A buffer of at least `bytes` with any content, valid until the next call. */
export function scratch(bytes: number): Buffer {
  if (bytes > SCRATCH_BYTES_MAX) return Buffer.allocUnsafeSlow(bytes)
  return shared ?? (shared = Buffer.allocUnsafeSlow(SCRATCH_BYTES_MAX))
}

/** The first `bytes` of a scratch buffer, now the caller's. */
export function keep(buffer: Buffer, bytes: number): Buffer {
  if (buffer !== shared) return buffer.subarray(0, bytes)
  const kept = Buffer.allocUnsafeSlow(bytes)
  buffer.copy(kept, 0, 0, bytes)
  return kept
}
