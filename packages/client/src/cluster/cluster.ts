import type { ClientDeps } from '../deps.ts'
import type { Settings } from '../options.ts'
import { ConnectionPool } from './connection-pool.ts'
import { Metadata } from './metadata.ts'

/** What producers, consumers and the admin of one `Kafka` share. */
export class Cluster {
  readonly settings: Settings
  readonly deps: ClientDeps
  readonly pool: ConnectionPool
  readonly metadata: Metadata

  constructor(settings: Settings, deps: ClientDeps) {
    this.settings = settings
    this.deps = deps
    this.pool = new ConnectionPool(settings, deps)
    this.metadata = new Metadata(this.pool, settings, deps)
  }

  close(): void {
    this.metadata.close()
    this.pool.close()
  }
}
