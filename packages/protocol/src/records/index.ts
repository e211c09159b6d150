export * as batch from './batch.ts'
export { crc32c, crc32cTwin } from './crc32c.ts'
export { forgetNative, type NativeMissing, type NativeName, onNativeMissing } from './native.ts'
