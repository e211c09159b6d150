/**
 * Names of users and clients as znode names: URL-encoded, with `*` and the space encoded too (Kafka's `Sanitizer`).
 * Left as they are: letters, digits, `.`, `-`, `_`.
 */
export function sanitizeEntityName(name: string): string {
  return encodeURIComponent(name).replace(/[!'()*~]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`)
}

/** The name behind a znode's name, or `null` when it is not an encoded one. A `+` is a space, as in Java's decoder. */
export function desanitizeEntityName(name: string): string | null {
  try {
    return decodeURIComponent(name.replaceAll('+', ' '))
  } catch {
    return null
  }
}
