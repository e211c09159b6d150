import type { SaslMechanism } from './mechanism.ts'

/** Name and password as they are (RFC 4616): for a connection over TLS. */
export function plain(username: string, password: string): SaslMechanism {
  return {
    name: 'PLAIN',
    async authenticate(send) {
      await send(Buffer.from(`\0${username}\0${password}`))
    },
  }
}
