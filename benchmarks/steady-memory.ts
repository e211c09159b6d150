import { existsSync, readFileSync } from 'node:fs'
import { HeldDriver } from './drivers.ts'

/** What the brokers, the drivers and the page cache of what is measured live on. */
const freeBytes = 8 * 2 ** 30
/** Left over besides, for the rest of the machine. */
const spareBytes = 2.5 * 2 ** 30

/** Whether this is a virtual machine that gives its free memory back to the host, block by block (Linux, free page reporting). */
const givesMemoryBack = () => existsSync('/sys/module/page_reporting')

function availableBytes(): number {
  const match = /^MemAvailable:\s+(\d+) kB/m.exec(readFileSync('/proc/meminfo', 'utf8'))
  return match === null ? 0 : Number(match[1]) * 1024
}

/**
 * Holds memory so that writing to the page cache costs the same all the time (see `driver/steady.go`). `undefined`
 * where that is not needed, or there is too little of it. Takes most of a minute.
 */
export async function holdMemory(): Promise<HeldDriver | undefined> {
  if (!givesMemoryBack()) return undefined
  const holdBytes = availableBytes() - freeBytes - spareBytes
  if (holdBytes < 2 ** 30) return undefined
  const driver = new HeldDriver('steady', 'none', { 'hold-bytes': Math.floor(holdBytes), 'free-bytes': freeBytes })
  await driver.line()
  return driver
}
