/** One way to say who we are (RFC 4422). Each connection, and each time it authenticates again, has an exchange of its own. */
export interface SaslMechanism {
  /** As the protocol names it, e.g. `SCRAM-SHA-512`. */
  readonly name: string
  /**
   * Sends what the mechanism has to say, with `send` resolving to the broker's answer, and looks at what comes back. Resolves when the
   * broker may be trusted as far as the mechanism can tell. What it throws ends the connection.
   */
  authenticate(send: (message: Buffer) => Promise<Buffer>): Promise<void>
}

/** What a mechanism found in the broker's answer that cannot be. */
export class SaslError extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'SaslError'
  }
}
