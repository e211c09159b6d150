export { RawClient } from './raw-client.ts'
