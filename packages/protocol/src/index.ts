export { type Api, apiByKey, apiName, apis } from './apis.ts'
export { CodecError, type CodecErrorCode } from './codec/errors.ts'
export type { Field, Fields, Infer, Input } from './codec/fields.ts'
export { ZERO_UUID } from './codec/fields.ts'
export { type InputOf, Message, type MessageOf } from './codec/message.ts'
export { Reader } from './codec/reader.ts'
export type { VersionRange } from './codec/versions.ts'
export { type Bytes, type Chunk, type Elsewhere, Writer } from './codec/writer.ts'
export { ErrorCode, type ErrorInfo, type ErrorName, errorInfo, errorName, isRetriable } from './errors.ts'
export {
  decodeRequestHeader,
  decodeResponseHeader,
  encodeRequest,
  encodeResponse,
  encodeResponseChunks,
  peekRequest,
  type RequestHeader,
  type RequestPeek,
  type ResponseHeader,
  requestHeaderVersion,
  responseHeaderVersion,
} from './frame.ts'
export * from './messages/index.ts'
export {
  decodeRecordKey,
  decodeVersioned,
  decodeVersionedLeniently,
  encodeRecordKey,
  encodeVersioned,
  recordType,
} from './versioned.ts'
