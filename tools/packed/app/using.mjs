// `await using` needs Node 24.
import { startBroker } from 'ottla'

await using broker = await startBroker({ topics: ['t'] })
if (!broker.bootstrap.startsWith('localhost:')) throw new Error(broker.bootstrap)
