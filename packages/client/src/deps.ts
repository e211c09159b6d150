import type { Runtime } from '@ottla/runtime'

/** What the client needs of the outside world; the simulator hands in its own. */
export type ClientDeps = Pick<Runtime, 'clock' | 'timers' | 'random' | 'secureRandom' | 'net' | 'logger'>
