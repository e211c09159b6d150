import type { DiskImage, Ino } from '../disk/image.ts'
import type { DiskOp } from '../disk/operations.ts'
import {
  type CrashModel,
  Durability,
  legalise,
  type PendingOp,
  prefixSurvival,
  randomSurvival,
  type Survival,
  sectorCount,
  survivalFromKey,
  survivalKey,
  uniformSurvival,
} from './durability.ts'
import { SeededRandom } from './prng.ts'

/** One thing a disk was asked to do. */
export type DiskEvent =
  | { readonly kind: 'op'; readonly op: DiskOp }
  /** Covers the first `through` operations. */
  | { readonly kind: 'sync-file'; readonly ino: Ino; readonly through: number }
  | { readonly kind: 'sync-dir'; readonly ino: Ino }
  /** A sync that failed: the file's pending changes are lost though they can still be read. */
  | { readonly kind: 'drop-file'; readonly ino: Ino; readonly through: number }

export function applyEvent(durability: Durability, event: DiskEvent): void {
  if (event.kind === 'op') durability.record(event.op)
  else if (event.kind === 'sync-file') durability.syncFile(event.ino, event.through)
  else if (event.kind === 'sync-dir') durability.syncDir(event.ino)
  else durability.dropFile(event.ino, event.through)
}

/** Everything a disk was asked to do, from an image on. `index` k means: after the first k events. */
export interface DiskHistory {
  readonly start: DiskImage
  readonly events: readonly DiskEvent[]
}

/** One thing the disk may hold after the power went. */
export interface CrashState {
  /** How many events of the history had happened. */
  readonly index: number
  /** Which of the pending changes survived; with `index` it names the state and repeats it. */
  readonly key: string
  /** A fresh image; changing it disturbs no other state. */
  image(): DiskImage
}

export interface CrashStatesOptions {
  /** Seed of the random subsets. Default 1. */
  readonly seed?: number
  /** Random subsets tried per index and model. Default 8. */
  readonly subsetsPerIndex?: number
  /** Default both. */
  readonly models?: readonly CrashModel[]
  /** Inclusive. Default 0 and the end. */
  readonly fromIndex?: number
  readonly toIndex?: number
}

const subsetsPerIndexDefault = 8

/** Walks a history forwards; going back starts again from the beginning. */
class Cursor {
  readonly #history: DiskHistory
  #durability: Durability
  #index = 0

  constructor(history: DiskHistory) {
    this.#history = history
    this.#durability = new Durability(history.start.fork())
  }

  at(index: number): Durability {
    if (index < 0 || index > this.#history.events.length) throw new RangeError(`no event ${index} in the history`)
    if (index < this.#index) {
      this.#durability = new Durability(this.#history.start.fork())
      this.#index = 0
    }
    while (this.#index < index) applyEvent(this.#durability, this.#history.events[this.#index++])
    return this.#durability
  }
}

/**
 * The crash states of a history: for each index, nothing pending survived, everything did, each prefix cut at each
 * sector, and random legal subsets; no state twice. A state must be used before the next is asked for.
 */
export function* crashStates(history: DiskHistory, options: CrashStatesOptions = {}): Generator<CrashState> {
  const random = new SeededRandom(options.seed ?? 1).split('crash-states')
  const subsets = options.subsetsPerIndex ?? subsetsPerIndexDefault
  const models = options.models ?? ['ordered', 'arbitrary']
  const cursor = new Cursor(history)
  const toIndex = Math.min(options.toIndex ?? history.events.length, history.events.length)
  for (let index = options.fromIndex ?? 0; index <= toIndex; index++) {
    const durability = cursor.at(index)
    const { pending } = durability
    const seen = new Set<string>()
    for (const survivals of outcomes(pending, subsets, models, random)) {
      const key = survivalKey(survivals)
      if (seen.has(key)) continue
      seen.add(key)
      yield { index, key, image: () => durability.materialise(survivals) }
    }
  }
}

function* outcomes(
  pending: readonly PendingOp[],
  subsets: number,
  models: readonly CrashModel[],
  random: SeededRandom,
): Generator<Survival[]> {
  yield uniformSurvival(pending, 'lost')
  if (pending.length === 0) return
  yield uniformSurvival(pending, 'kept')
  for (let count = 0; count < pending.length; count++) {
    yield prefixSurvival(pending, count)
    for (let s = 1; s < sectorCount(pending[count].op); s++) yield prefixSurvival(pending, count, s)
  }
  for (const model of models) {
    for (let i = 0; i < subsets; i++) yield randomSurvival(pending, random, model)
  }
}

/** The image of one state again, from what a failure report printed. */
export function crashImage(history: DiskHistory, index: number, key: string): DiskImage {
  const durability = new Cursor(history).at(index)
  const survivals = survivalFromKey(key)
  if (survivals.length !== durability.pending.length) {
    throw new RangeError(`the key has ${survivals.length} changes, index ${index} has ${durability.pending.length}`)
  }
  return durability.materialise(legalise(durability.pending, survivals))
}
