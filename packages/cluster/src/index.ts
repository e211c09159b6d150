export {
  EmbeddedMetadata,
  type EmbeddedMetadataDeps,
  type EmbeddedMetadataOptions,
} from './embedded/embedded-metadata.ts'
export { MetadataOpenError } from './embedded/files.ts'
export * from './metadata-store.ts'
export { metadataTopicUuid, randomUuid, uuidBytes, uuidText, zeroUuid } from './uuid.ts'
