export { type Api, api, type RequestOf, type ResponseOf } from './api.ts'
export { type FinalizedFeature, PeerVersions } from './api-versions.ts'
export { type BackOffOptions, backOffMs } from './back-off.ts'
export { type CallOptions, Connection, type ConnectionDeps, type ConnectionOptions, type Done } from './connection.ts'
export { ConnectionError, type ConnectionErrorCode, KafkaError } from './errors.ts'
export {
  BLOCK_BYTES_MAX,
  BLOCK_BYTES_MIN,
  FrameAssembler,
  type FrameAssemblerOptions,
  FrameSizeError,
  MAX_FRAME_BYTES_DEFAULT,
  SMALL_FRAME_BYTES,
  TRUSTED_BYTES_MAX,
} from './frame-assembler.ts'
export { SaslError, type SaslMechanism } from './sasl/mechanism.ts'
export { type OAuthToken, oauthBearer } from './sasl/oauthbearer.ts'
export { plain } from './sasl/plain.ts'
export { scram } from './sasl/scram.ts'
