import {
  ErrorCode,
  errorName,
  SaslAuthenticateRequest,
  SaslAuthenticateResponse,
  SaslHandshakeRequest,
  SaslHandshakeResponse,
} from '@ottla/protocol'
import { api } from '../api.ts'
import type { Connection } from '../connection.ts'
import { ConnectionError } from '../errors.ts'
import { SaslError, type SaslMechanism } from './mechanism.ts'

const handshakeApi = api(SaslHandshakeRequest, SaslHandshakeResponse)
const authenticateApi = api(SaslAuthenticateRequest, SaslAuthenticateResponse)

/**
 * Says who we are on a connection that has negotiated. Resolves to the milliseconds after which the broker wants it said again, 0 for
 * never. Rejects with a `ConnectionError`: SASL_AUTHENTICATION_FAILED, UNSUPPORTED_SASL_MECHANISM, or what ended the connection.
 */
export async function authenticate(connection: Connection, mechanism: SaslMechanism): Promise<number> {
  const { peer } = connection
  const call: Connection['call'] = (asked, value) => connection.call(asked, value, { isPartOfHold: true })
  const handshake = await call(handshakeApi, { mechanism: mechanism.name })
  if (handshake.errorCode === ErrorCode.UNSUPPORTED_SASL_MECHANISM) {
    const what = `${peer} does not offer ${mechanism.name}, but ${handshake.mechanisms.join(', ') || 'nothing'}`
    throw new ConnectionError('UNSUPPORTED_SASL_MECHANISM', peer, what)
  }
  if (handshake.errorCode !== ErrorCode.NONE) throw refused(peer, mechanism, errorName(handshake.errorCode))
  let lifetimeMs = 0
  const send = async (authBytes: Buffer): Promise<Buffer> => {
    const response = await call(authenticateApi, { authBytes })
    if (response.errorCode !== ErrorCode.NONE) {
      throw refused(peer, mechanism, response.errorMessage ?? errorName(response.errorCode))
    }
    lifetimeMs = Number(response.sessionLifetimeMs)
    return response.authBytes as Buffer
  }
  try {
    await mechanism.authenticate(send)
  } catch (error) {
    if (error instanceof ConnectionError) throw error
    const { message } = error as Error
    if (error instanceof SaslError) throw refused(peer, mechanism, message, error)
    // Such as whoever gives tokens, who may be back.
    throw new ConnectionError('CONNECTION_FAILED', peer, `cannot say who we are (${mechanism.name}): ${message}`, error)
  }
  return lifetimeMs
}

function refused(peer: string, mechanism: SaslMechanism, why: string, cause?: unknown): ConnectionError {
  const what = `${peer} does not take us for who we say we are (${mechanism.name}): ${why}`
  return new ConnectionError('SASL_AUTHENTICATION_FAILED', peer, what, cause)
}
