import { promisify } from 'node:util'
import type { SecureRandom } from '@ottla/runtime'
import { SaslError, type SaslMechanism } from './mechanism.ts'

const NONCE_BYTES = 24
/** RFC 7677 asks for no fewer. */
const ITERATIONS_MIN = 4096
/** Nobody asks for more, unless to keep us busy. */
const ITERATIONS_MAX = 10_000_000
/** GS2: no channel binding, no other identity to act for. */
const GS2_HEADER = 'n,,'

/**
 * A password that never leaves this process, and a broker that proves to know it as well (RFC 5802, KIP-84). Names and passwords are
 * taken as UTF-8 without SASLprep, as Apache Kafka does.
 */
export function scram(
  hash: 'sha256' | 'sha512',
  username: string,
  password: string,
  random: SecureRandom,
): SaslMechanism {
  return {
    name: hash === 'sha256' ? 'SCRAM-SHA-256' : 'SCRAM-SHA-512',
    async authenticate(send) {
      const { createHash, createHmac, pbkdf2, timingSafeEqual } = await import('node:crypto')
      const hmac = (key: Buffer, text: string) => createHmac(hash, key).update(text).digest()
      const nonce = random.bytes(NONCE_BYTES).toString('base64')
      const first = `n=${escaped(username)},r=${nonce}`
      const challenge = (await send(Buffer.from(`${GS2_HEADER}${first}`))).toString()
      const { salt, iterations, serverNonce } = readChallenge(challenge, nonce)

      const keyBytes = hash === 'sha256' ? 32 : 64
      const salted = await promisify(pbkdf2)(password, salt, iterations, keyBytes, hash)
      const clientKey = hmac(salted, 'Client Key')
      const storedKey = createHash(hash).update(clientKey).digest()
      const withoutProof = `c=${Buffer.from(GS2_HEADER).toString('base64')},r=${serverNonce}`
      const said = `${first},${challenge},${withoutProof}`
      const signature = hmac(storedKey, said)
      const proof = clientKey.map((byte, i) => byte ^ signature[i]!)
      const last = (await send(Buffer.from(`${withoutProof},p=${Buffer.from(proof).toString('base64')}`))).toString()

      const { e: refusal, v: verifier } = fieldsOf(last)
      if (refusal !== undefined) throw new SaslError(`the broker refuses: ${refusal}`)
      const expected = hmac(hmac(salted, 'Server Key'), said)
      const given = Buffer.from(verifier ?? '', 'base64')
      if (given.length !== expected.length || !timingSafeEqual(given, expected)) {
        throw new SaslError('the broker does not know the password itself')
      }
    },
  }
}

function escaped(username: string): string {
  return username.replaceAll('=', '=3D').replaceAll(',', '=2C')
}

function readChallenge(challenge: string, nonce: string) {
  const { r: serverNonce = '', s: salt = '', i: count = '', e: refusal } = fieldsOf(challenge)
  if (refusal !== undefined) throw new SaslError(`the broker refuses: ${refusal}`)
  if (!serverNonce.startsWith(nonce) || serverNonce.length === nonce.length) {
    throw new SaslError('the broker answers another exchange')
  }
  const iterations = Number(count)
  if (!/^\d+$/.test(count) || iterations < ITERATIONS_MIN || iterations > ITERATIONS_MAX) {
    throw new SaslError(`${JSON.stringify(count)} iterations, where ${ITERATIONS_MIN} to ${ITERATIONS_MAX} are sound`)
  }
  if (salt === '') throw new SaslError('no salt')
  return { salt: Buffer.from(salt, 'base64'), iterations, serverNonce }
}

/** `k=v,k=v`, where a value may hold further `=`. */
function fieldsOf(message: string): Readonly<Record<string, string | undefined>> {
  return Object.fromEntries(message.split(',').map((field) => [field.slice(0, 1), field.slice(2)]))
}
