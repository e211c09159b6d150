import type { Clock } from '@ottla/runtime'
import { configChangeExpirationMs, loadRequestsInFlightMax } from './limits.ts'
import { anyVersion, type MetadataStore, type OperationResult } from './metadata-store.ts'
import { required } from './registration.ts'
import { configChangeZnode } from './znodes/configs.ts'

/**
 * Removes notifications of changed configs that are older than 15 minutes, as every Kafka broker does when it hears of a
 * new one (`ZkNodeChangeNotificationListener`). A removal that fails is done by whoever comes next.
 */
export class ConfigChangePurge {
  readonly #store: MetadataStore
  readonly #clock: Clock
  /** Oldest first. */
  #known: { readonly path: string; readonly ctimeMs: number }[] = []

  constructor(deps: { readonly store: MetadataStore; readonly clock: Clock }) {
    this.#store = deps.store
    this.#clock = deps.clock
  }

  /** Reads what is there. Throws `MetadataUnavailableError`. */
  async load(): Promise<void> {
    const { directory } = configChangeZnode
    const { names } = required(await this.#store.children(directory))
    for (let i = 0; i < names.length; i += loadRequestsInFlightMax) {
      const paths = names.slice(i, i + loadRequestsInFlightMax).map((name) => `${directory}/${name}`)
      const stats = await Promise.all(paths.map((path) => this.#store.exists(path)))
      stats.forEach((outcome, j) => {
        const stat = required(outcome)
        if (stat !== null) this.#known.push({ path: paths[j], ctimeMs: stat.ctimeMs })
      })
    }
    this.#known.sort((a, b) => a.ctimeMs - b.ctimeMs)
  }

  /** Takes note of the notifications among `results`, and begins to remove old ones. */
  created(results: readonly OperationResult[]): void {
    for (const result of results) {
      if (result.type === 'create' && result.path.startsWith(configChangeZnode.createPath)) {
        this.#known.push({ path: result.path, ctimeMs: result.stat.ctimeMs })
      }
    }
    const oldest = this.#clock.nowMs() - configChangeExpirationMs
    const kept = this.#known.findIndex(({ ctimeMs }) => ctimeMs >= oldest)
    for (const { path } of this.#known.splice(0, kept === -1 ? this.#known.length : kept)) {
      void this.#store.delete(path, anyVersion)
    }
  }
}
