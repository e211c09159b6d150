export {
  EmbeddedMetadata,
  type EmbeddedMetadataDeps,
  type EmbeddedMetadataOptions,
} from './embedded/embedded-metadata.ts'
export { MetadataOpenError } from './embedded/files.ts'
export {
  type MetadataChange,
  type MetadataImage,
  MutableMetadataImage,
  type PartitionImage,
  type TopicImage,
} from './metadata-image.ts'
export * from './metadata-store.ts'
export type { ProducerIdBlockOutcome } from './producer-id-blocks.ts'
export {
  type ClaimOutcome,
  type ControllerTerm,
  claimController,
  createOrGetClusterId,
  createPersistentPaths,
  MetadataUnavailableError,
  type RegisterOutcome,
  registerBroker,
} from './registration.ts'
export {
  type ConfigsUpdate,
  type NewTopic,
  type RegistryError,
  type RegistryOutcome,
  TopicRegistry,
  type TopicRegistryDeps,
  type TopicRegistryOptions,
} from './topic-registry.ts'
export { randomUuid, uuidBytes, uuidText } from './uuid.ts'
export * from './znodes/index.ts'
