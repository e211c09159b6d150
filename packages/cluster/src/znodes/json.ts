/**
 * A znode whose payload is not what Kafka's brokers write: another program wrote it, or a newer version. Thrown by the
 * decoders of this folder; what to do about it depends on the node.
 */
export class ZnodeFormatError extends Error {
  readonly path: string

  constructor(path: string, what: string) {
    super(`${path} cannot be read: ${what}`)
    this.name = 'ZnodeFormatError'
    this.path = path
  }
}

/** In memory of its own: the tree keeps it for long, and a view on Node's shared 64 KiB would keep all of those. */
export function encodeJson(value: unknown): Buffer {
  const text = JSON.stringify(value)
  const bytes = Buffer.allocUnsafeSlow(Buffer.byteLength(text))
  bytes.write(text)
  return bytes
}

/** A JSON object of a znode with typed reads, so that no decoder trusts what it finds. */
export class ZnodeJson {
  readonly path: string
  readonly #fields: Readonly<Record<string, unknown>>

  constructor(path: string, fields: Readonly<Record<string, unknown>>) {
    this.path = path
    this.#fields = fields
  }

  static parse(path: string, data: Buffer | null): ZnodeJson {
    if (data === null) throw new ZnodeFormatError(path, 'it has no data')
    let value: unknown
    try {
      value = JSON.parse(data.toString('utf8'))
    } catch {
      throw new ZnodeFormatError(path, 'its data is not JSON')
    }
    if (!isObject(value)) throw new ZnodeFormatError(path, 'its data is not a JSON object')
    return new ZnodeJson(path, value)
  }

  has(key: string): boolean {
    return this.#fields[key] !== undefined && this.#fields[key] !== null
  }

  /** A safe integer. */
  integer(key: string): number {
    const value = this.#fields[key]
    if (typeof value !== 'number' || !Number.isSafeInteger(value)) throw this.#wrong(key, 'an integer')
    return value
  }

  text(key: string): string {
    const value = this.#fields[key]
    if (typeof value !== 'string') throw this.#wrong(key, 'a string')
    return value
  }

  /** An integer that Kafka writes as a string. */
  integerText(key: string): number {
    const value = this.text(key)
    const number = Number(value)
    if (!/^-?\d{1,19}$/.test(value) || !Number.isSafeInteger(number)) throw this.#wrong(key, 'an integer in a string')
    return number
  }

  object(key: string): ZnodeJson {
    const value = this.#fields[key]
    if (!isObject(value)) throw this.#wrong(key, 'an object')
    return new ZnodeJson(this.path, value)
  }

  keys(): string[] {
    return Object.keys(this.#fields)
  }

  objects(key: string): ZnodeJson[] {
    const value = this.#fields[key]
    if (!Array.isArray(value) || !value.every(isObject)) throw this.#wrong(key, 'a list of objects')
    return value.map((item) => new ZnodeJson(this.path, item))
  }

  texts(key: string): string[] {
    const value = this.#fields[key]
    if (!Array.isArray(value) || !value.every((item) => typeof item === 'string'))
      throw this.#wrong(key, 'a list of strings')
    return value
  }

  /** Broker ids. */
  integers(key: string): number[] {
    const value = this.#fields[key]
    if (!Array.isArray(value) || !value.every((item) => Number.isSafeInteger(item))) {
      throw this.#wrong(key, 'a list of integers')
    }
    return value
  }

  fail(what: string): ZnodeFormatError {
    return new ZnodeFormatError(this.path, what)
  }

  #wrong(key: string, expected: string): ZnodeFormatError {
    return new ZnodeFormatError(this.path, `"${key}" is not ${expected}`)
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
