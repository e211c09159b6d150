import type { SecureRandom } from '@ottla/runtime'

/*
 * Ids of topics and clusters are kept in Kafka's text form everywhere, as `@ottla/protocol` reads and writes them:
 * 16 bytes as URL-safe base64 without padding, 22 characters (KIP-516, Kafka's `Uuid`).
 */

/**
 * A version 4 id. The reserved ones (0, 0) and (0, 1) are none. Never one whose text starts with `-`, which a command
 * line would take for an option.
 */
export function randomUuid(random: SecureRandom): string {
  for (;;) {
    const bytes = random.bytes(16)
    bytes[6] = (bytes[6] & 0x0f) | 0x40
    bytes[8] = (bytes[8] & 0x3f) | 0x80
    const text = bytes.toString('base64url')
    if (text[0] !== '-') return text
  }
}

/** The 16 bytes of an id's text form, or `null` when it is not one. */
export function uuidBytes(text: string): Buffer | null {
  if (!/^[A-Za-z0-9_-]{22}$/.test(text)) return null
  return Buffer.from(text, 'base64url')
}

/** Text form of 16 bytes. */
export function uuidText(bytes: Uint8Array): string {
  if (bytes.length !== 16) throw new RangeError(`a UUID has 16 bytes, not ${bytes.length}`)
  return Buffer.from(bytes.buffer, bytes.byteOffset, 16).toString('base64url')
}
