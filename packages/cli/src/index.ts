import './embedded/preload.ts'

export type { Interception } from '@ottla/broker'
export type { SeedRecord } from './embedded/seed.ts'
export {
  type StartBrokerOptions,
  startBroker,
  type TestBroker,
  type TopicOptions,
  type WaitCondition,
} from './embedded/start-broker.ts'
