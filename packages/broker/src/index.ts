export { type BoundListener, Broker, type BrokerOptions } from './broker.ts'
export {
  argumentLayer,
  BrokerConfig,
  ConfigError,
  type ConfigLayer,
  fileLayer,
  objectLayer,
} from './config/index.ts'
export type { Interception } from './server/interceptor.ts'
