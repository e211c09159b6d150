import { EmbeddedMetadata, type EmbeddedMetadataOptions } from '@ottla/cluster'
import { type Clock, type FileSystem, silentLogger, type TimerHandle, type Timers } from '@ottla/runtime'

/** A clock that moves by one millisecond a reading. */
export function steppingClock(startMs = 1_700_000_000_000): Clock {
  let now = startMs
  return { nowMs: () => now++, monotonicMs: () => now }
}

/** Only `immediate` works: the store uses nothing else. */
export const immediateTimers: Timers = {
  setTimer: (): TimerHandle => {
    throw new Error('the metadata store sets no timer')
  },
  clearTimer: () => {},
  immediate: (fn) => {
    setImmediate(fn)
  },
}

export function openEmbedded(
  fs: FileSystem,
  options: Partial<EmbeddedMetadataOptions> = {},
  clock = steppingClock(),
): EmbeddedMetadata {
  return EmbeddedMetadata.open(
    { dir: '/data/metadata', ...options },
    { fs, clock, timers: immediateTimers, logger: silentLogger },
  )
}
