import type { BrokerConfig, DynamicEntries } from './broker-config.ts'
import { ConfigError } from './error.ts'

/** The broker's configuration as it is now; a dynamic change replaces it, and whoever derived something is told. */
export class LiveConfig {
  private value: BrokerConfig
  private readonly listeners: ((config: BrokerConfig) => void)[] = []

  constructor(initial: BrokerConfig) {
    this.value = initial
  }

  get current(): BrokerConfig {
    return this.value
  }

  onChange(listener: (config: BrokerConfig) => void): void {
    this.listeners.push(listener)
  }

  /**
   * Takes what is stored. An entry that is not allowed (any more), alone or beside the others, is left out and told to
   * `onIgnored`, as Kafka does (`DynamicBrokerConfig`): it must not keep a broker from starting.
   */
  setDynamic(entries: DynamicEntries, onIgnored: (sentence: string) => void): void {
    this.value = tryDynamic(this.value, entries) ?? withoutWrong(this.value, entries, onIgnored)
    for (const listener of this.listeners) listener(this.value)
  }
}

function tryDynamic(config: BrokerConfig, entries: DynamicEntries): BrokerConfig | null {
  try {
    return config.withDynamic(entries)
  } catch (error) {
    if (error instanceof ConfigError) return null
    throw error
  }
}

/** Entry by entry, the whole cluster's first. */
function withoutWrong(
  config: BrokerConfig,
  entries: DynamicEntries,
  onIgnored: (sentence: string) => void,
): BrokerConfig {
  const kept = { cluster: new Map<string, string>(), broker: new Map<string, string>() }
  for (const level of ['cluster', 'broker'] as const) {
    for (const [name, value] of entries[level]) {
      kept[level].set(name, value)
      if (tryDynamic(config, kept) !== null) continue
      kept[level].delete(name)
      onIgnored(`the stored setting ${name} of level ${level} is not allowed here and has no effect: delete it`)
    }
  }
  return config.withDynamic(kept)
}
