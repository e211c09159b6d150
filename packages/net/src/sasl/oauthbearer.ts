import { SaslError, type SaslMechanism } from './mechanism.ts'

export interface OAuthToken {
  readonly token: string
  /** For the broker's own use (KIP-342), such as `logicalCluster`. */
  readonly extensions?: Readonly<Record<string, string>>
}

const SEPARATOR = '\x01'

/** A bearer token (RFC 7628, KIP-255), asked for each time somebody connects. */
export function oauthBearer(provide: () => OAuthToken | Promise<OAuthToken>): SaslMechanism {
  return {
    name: 'OAUTHBEARER',
    async authenticate(send) {
      const { token, extensions = {} } = await provide()
      const fields = { auth: `Bearer ${token}`, ...extensions }
      for (const [name, value] of Object.entries(fields)) {
        if (!/^[a-z]+$/i.test(name) || !/^[\x20-\x7e\t\r\n]*$/.test(value)) {
          throw new SaslError(`${JSON.stringify(name)} cannot be sent with its value`)
        }
      }
      const said = Object.entries(fields).map(([name, value]) => `${name}=${value}${SEPARATOR}`)
      const answer = await send(Buffer.from(`n,,${SEPARATOR}${said.join('')}${SEPARATOR}`))
      if (answer.length === 0) return
      // What is wrong comes as JSON, and an answer is due before the broker says that it was all.
      await send(Buffer.from(SEPARATOR))
      throw new SaslError(`the broker refuses the token: ${answer}`)
    },
  }
}
