import { deleteTopicZnode } from './admin.ts'
import { brokerIdsZnode, brokerSequenceIdZnode } from './brokers.ts'
import { producerIdBlockZnode } from './cluster.ts'
import { configChangeZnode, configEntityTypes, configTypeZnode } from './configs.ts'
import { isrChangeZnode, logDirEventZnode } from './notifications.ts'
import { topicsZnode } from './topics.ts'

/** Nodes without data that every broker makes at start when they are missing (`ZkData.PersistentZkPaths`), in that order. */
export const persistentPaths: readonly string[] = [
  '/consumers',
  brokerIdsZnode.path,
  topicsZnode.path,
  configChangeZnode.directory,
  deleteTopicZnode.directory,
  brokerSequenceIdZnode.path,
  isrChangeZnode.directory,
  producerIdBlockZnode.path,
  logDirEventZnode.directory,
  ...configEntityTypes.map(configTypeZnode.path),
]

/**
 * Nodes that only brokers may read, when access control is on; everything else may be read by all
 * (`ZkData.SensitiveRootPaths`).
 */
export const sensitivePaths: readonly string[] = [
  configTypeZnode.path('users'),
  configTypeZnode.path('brokers'),
  '/delegation_token/tokens',
]
