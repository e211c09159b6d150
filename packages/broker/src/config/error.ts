/**
 * A configuration that cannot be used: one sentence with the key, the value (never a secret one), what is allowed and
 * where the value came from.
 */
export class ConfigError extends Error {
  readonly key: string

  constructor(key: string, message: string) {
    super(message)
    this.name = 'ConfigError'
    this.key = key
  }
}
