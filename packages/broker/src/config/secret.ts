/**
 * A value that must not be seen: it prints as `[hidden]` wherever it turns up by accident (a log line, an inspected
 * object, JSON) and only `reveal` gives it away.
 */
export class Secret {
  readonly #value: string

  constructor(value: string) {
    this.#value = value
  }

  reveal(): string {
    return this.#value
  }

  toString(): string {
    return '[hidden]'
  }

  toJSON(): string {
    return '[hidden]'
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return '[hidden]'
  }
}
