import type { BrokerConfig, DynamicEntries } from './broker-config.ts'

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

  setDynamic(entries: DynamicEntries): void {
    this.value = this.value.withDynamic(entries)
    for (const listener of this.listeners) listener(this.value)
  }
}
