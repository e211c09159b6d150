import type { Clock } from '../ports/clock.ts'
import { realMonotonicMs, realNowMs } from './globals.ts'

export const nodeClock: Clock = {
  nowMs: realNowMs,
  monotonicMs: realMonotonicMs,
}
