import type { DiskImage, Ino } from '../disk/image.ts'
import { applyOp, type DiskOp } from '../disk/operations.ts'
import type { SeededRandom } from './prng.ts'

/**
 * What a disk still has after the power went, and what it may have.
 *
 * - A change is *pending* from the call that made it until it is made durable.
 * - Data and length of a file (`write`, `truncate`) become durable with a sync of that file. That does not make the
 *   file's name durable.
 * - Names (`create`, `remove`, `rename`) become durable with a sync of their folder; a rename between two folders
 *   with the syncs of both. A change that an already durable change builds on becomes durable with it.
 * - A failed sync drops the file's pending changes: the pages count as clean though they never reached the device, so
 *   a later sync that succeeds does not bring them back (ext4, XFS).
 *
 * A crash keeps some of what is pending. `ordered` is ext4's usual mode: of each file a prefix of its changes, of all
 * names together a prefix. `arbitrary` is what POSIX allows: any 512-byte sector of any write by itself, a grown
 * length without its data (zeros), names in any order that builds on what is there. In both, a sector is written as a
 * whole: with a later write into it, the earlier ones into the same sector are there too.
 */
export type CrashModel = 'ordered' | 'arbitrary'

export const sectorBytes = 512

/**
 * What becomes of one pending change: nothing of it is left, all of it is, only the length it gave the file is, or,
 * of a write, the sectors marked `true` are (counted from the sector its first byte lies in).
 */
export type Survival = 'lost' | 'kept' | 'length' | readonly boolean[]

export interface PendingOp {
  readonly op: DiskOp
  /** Changes recorded before it. */
  readonly sequence: number
  /** For names: the folders whose sync it still waits for. */
  readonly dirs: Set<Ino> | undefined
}

export function sectorCount(op: DiskOp): number {
  if (op.kind !== 'write' || op.bytes.length === 0) return 0
  return Math.floor((op.position + op.bytes.length - 1) / sectorBytes) - Math.floor(op.position / sectorBytes) + 1
}

function dirsOf(op: DiskOp): Set<Ino> | undefined {
  if (op.kind === 'rename') return new Set([op.fromDir, op.toDir])
  if (op.kind === 'create' || op.kind === 'remove') return new Set([op.dir])
  return undefined
}

type NameOp = Extract<DiskOp, { kind: 'create' | 'remove' | 'rename' }>

function isName(op: DiskOp): op is NameOp {
  return op.kind !== 'write' && op.kind !== 'truncate'
}

/** The names and inodes a change of names depends on, as keys that an earlier change may share. */
function nameKeys(op: NameOp): string[] {
  if (op.kind === 'rename') return [`${op.fromDir}/${op.fromName}`, `${op.toDir}/${op.toName}`, `#${op.ino}`]
  return [`${op.dir}/${op.name}`, `#${op.ino}`]
}

export class Durability {
  #image: DiskImage
  #pending: PendingOp[] = []
  #recorded = 0

  /** The image is taken over. */
  constructor(image: DiskImage) {
    this.#image = image
  }

  /** Everything not yet durable, in the order it was done. */
  get pending(): readonly PendingOp[] {
    return this.#pending
  }

  fork(): Durability {
    const copy = new Durability(this.#image.fork())
    copy.#pending = this.#pending.map((p) => ({ ...p, dirs: p.dirs && new Set(p.dirs) }))
    copy.#recorded = this.#recorded
    return copy
  }

  /** How many changes there were so far. */
  get recorded(): number {
    return this.#recorded
  }

  record(op: DiskOp): void {
    this.#pending.push({ op, sequence: this.#recorded++, dirs: dirsOf(op) })
  }

  /** Of the file's changes, the first `through` of all recorded ones: a sync covers what was written when it began. */
  syncFile(ino: Ino, through: number): void {
    for (const { op } of this.#takeFile(ino, through)) apply(this.#image, op)
  }

  dropFile(ino: Ino, through: number): void {
    this.#takeFile(ino, through)
  }

  #takeFile(ino: Ino, through: number): PendingOp[] {
    const taken: PendingOp[] = []
    this.#pending = this.#pending.filter((pending) => {
      const { op } = pending
      if (isName(op) || op.ino !== ino || pending.sequence >= through) return true
      taken.push(pending)
      return false
    })
    return taken
  }

  syncDir(dir: Ino): void {
    // From the back, so that what a durable change builds on is found before it is passed.
    const needed = new Set<string>()
    const durable = new Set<PendingOp>()
    for (let i = this.#pending.length - 1; i >= 0; i--) {
      const pending = this.#pending[i]
      if (pending.dirs === undefined || !isName(pending.op)) continue
      pending.dirs.delete(dir)
      const keys = nameKeys(pending.op)
      if (pending.dirs.size > 0 && !keys.some((key) => needed.has(key))) continue
      durable.add(pending)
      for (const key of keys) needed.add(key)
    }
    if (durable.size === 0) return
    for (const pending of this.#pending) if (durable.has(pending)) apply(this.#image, pending.op)
    this.#pending = this.#pending.filter((pending) => !durable.has(pending))
    for (const { op } of durable) {
      if (op.kind === 'remove') this.#forget(op.ino)
      else if (op.kind === 'rename' && op.replaced !== undefined) this.#forget(op.replaced)
    }
  }

  /** A file whose last name is durably gone needs no bytes any more. */
  #forget(ino: Ino): void {
    if (this.#pending.some(({ op }) => isName(op) && op.ino === ino)) return
    this.#takeFile(ino, this.#recorded)
    this.#image.drop(ino)
  }

  /** What the disk holds when `survivals` (one per pending change, made legal first) is what survived. */
  materialise(survivals: readonly Survival[]): DiskImage {
    const image = this.#image.fork()
    for (let i = 0; i < this.#pending.length; i++) applySurvivor(image, this.#pending[i].op, survivals[i])
    return image
  }

  /** Changes a storage device may hold against data and names outside of any operation: bit rot. */
  damage(ino: Ino, position: number, mask: number): void {
    if (!this.#image.has(ino)) return
    flipBits(this.#image, ino, position, mask)
  }
}

export function flipBits(image: DiskImage, ino: Ino, position: number, mask: number): void {
  const { bytes } = image.ownFile(ino)
  const one = new Uint8Array(1)
  if (bytes.read(one, 0, 1, position) === 0) return
  one[0] ^= mask
  bytes.write(one, position)
}

/** Applies a change to an image that may lack the inodes whose creation is still pending. */
function apply(image: DiskImage, op: DiskOp): void {
  if (!isName(op)) {
    if (!image.has(op.ino)) image.insertFile(op.ino, 0)
  } else if (op.kind === 'rename') {
    for (const dir of [op.fromDir, op.toDir]) if (!image.has(dir)) image.insertDirectory(dir, 0)
  } else if (!image.has(op.dir)) {
    image.insertDirectory(op.dir, 0)
  }
  applyOp(image, op, 0)
}

function applySurvivor(image: DiskImage, op: DiskOp, survival: Survival): void {
  if (survival === 'lost') return
  if (survival === 'kept' || op.kind !== 'write') {
    apply(image, op)
    return
  }
  const endOf = (ino: Ino): number => (image.has(ino) ? image.file(ino).bytes.size : 0)
  if (survival === 'length') {
    const end = op.position + op.bytes.length
    if (end > endOf(op.ino)) apply(image, { kind: 'truncate', ino: op.ino, length: end })
    return
  }
  const firstSector = Math.floor(op.position / sectorBytes)
  for (let s = 0; s < survival.length; s++) {
    if (!survival[s]) continue
    const from = Math.max(0, (firstSector + s) * sectorBytes - op.position)
    const to = Math.min(op.bytes.length, (firstSector + s + 1) * sectorBytes - op.position)
    apply(image, { kind: 'write', ino: op.ino, position: op.position + from, bytes: op.bytes.subarray(from, to) })
  }
}

/** All, none: the two ends. */
export function uniformSurvival(pending: readonly PendingOp[], survival: 'lost' | 'kept'): Survival[] {
  return pending.map(() => survival)
}

/** The first `count` changes whole and `sectors` sectors of the next one. */
export function prefixSurvival(pending: readonly PendingOp[], count: number, sectors = 0): Survival[] {
  return pending.map(({ op }, i) => {
    if (i < count) return 'kept'
    if (i > count || sectors === 0) return 'lost'
    return Array.from({ length: sectorCount(op) }, (_, s) => s < sectors)
  })
}

/** A legal outcome drawn from the random stream. */
export function randomSurvival(pending: readonly PendingOp[], random: SeededRandom, model: CrashModel): Survival[] {
  return model === 'ordered' ? randomOrdered(pending, random) : randomArbitrary(pending, random)
}

function randomOrdered(pending: readonly PendingOp[], random: SeededRandom): Survival[] {
  const files = new Map<Ino, number[]>()
  const names: number[] = []
  const survivals = uniformSurvival(pending, 'lost')
  pending.forEach(({ op }, i) => {
    if (isName(op)) names.push(i)
    else if (files.has(op.ino)) files.get(op.ino)!.push(i)
    else files.set(op.ino, [i])
  })
  const keepPrefix = (indexes: readonly number[]): number => {
    const kept = random.below(indexes.length + 1)
    for (let i = 0; i < kept; i++) survivals[indexes[i]] = 'kept'
    return kept
  }
  keepPrefix(names)
  for (const indexes of files.values()) {
    const kept = keepPrefix(indexes)
    if (kept === indexes.length) continue
    const sectors = sectorCount(pending[indexes[kept]].op)
    if (sectors < 2 || random.chance(0.5)) continue
    const left = 1 + random.below(sectors - 1)
    survivals[indexes[kept]] = Array.from({ length: sectors }, (_, s) => s < left)
  }
  return survivals
}

function randomArbitrary(pending: readonly PendingOp[], random: SeededRandom): Survival[] {
  // Drawn anew for each crash, so that nearly nothing and nearly everything are as likely as half.
  const keepProbability = random.float()
  const survivals = pending.map(({ op }): Survival => {
    if (op.kind === 'write' && random.chance(0.3)) {
      return Array.from({ length: sectorCount(op) }, () => random.chance(0.5))
    }
    if (op.kind === 'write' && random.chance(0.1)) return 'length'
    return random.chance(keepProbability) ? 'kept' : 'lost'
  })
  return legalise(pending, survivals)
}

/** The nearest legal outcome: drops what builds on a lost change, keeps what a kept sector must contain. */
export function legalise(pending: readonly PendingOp[], survivals: readonly Survival[]): Survival[] {
  const legal = survivals.slice()
  dropDependentNames(pending, legal)
  dropBehindLostTruncations(pending, legal)
  keepSharedSectors(pending, legal)
  return legal
}

function dropDependentNames(pending: readonly PendingOp[], legal: Survival[]): void {
  const lostKeys = new Set<string>()
  pending.forEach(({ op }, i) => {
    if (!isName(op)) return
    const keys = nameKeys(op)
    const parents = op.kind === 'rename' ? [`#${op.fromDir}`, `#${op.toDir}`] : [`#${op.dir}`]
    if (legal[i] !== 'lost' && ![...keys, ...parents].some((key) => lostKeys.has(key))) {
      legal[i] = 'kept'
      return
    }
    legal[i] = 'lost'
    for (const key of keys) lostKeys.add(key)
  })
}

/**
 * Lengths are metadata, and journalled in order: a lost truncation takes with it every later change of length, and
 * later data from the cut onwards.
 */
function dropBehindLostTruncations(pending: readonly PendingOp[], legal: Survival[]): void {
  /** Per file, the sector from which nothing later survives. */
  const cutSector = new Map<Ino, number>()
  pending.forEach(({ op }, i) => {
    if (op.kind === 'truncate') {
      if (cutSector.has(op.ino)) legal[i] = 'lost'
      if (legal[i] !== 'lost') return
      const sector = Math.floor(op.length / sectorBytes)
      cutSector.set(op.ino, Math.min(sector, cutSector.get(op.ino) ?? sector))
    } else if (op.kind === 'write') {
      const cut = cutSector.get(op.ino)
      if (cut === undefined || legal[i] === 'lost') return
      const first = Math.floor(op.position / sectorBytes)
      const mask = maskOf(op, legal[i]).map((kept, s) => kept && first + s < cut)
      legal[i] = survivalOf(mask)
    }
  })
}

/** A sector that survives as a later write left it also holds what earlier pending writes put there. */
function keepSharedSectors(pending: readonly PendingOp[], legal: Survival[]): void {
  const keptSectors = new Map<Ino, Set<number>>()
  for (let i = pending.length - 1; i >= 0; i--) {
    const { op } = pending[i]
    if (op.kind !== 'write') continue
    let kept = keptSectors.get(op.ino)
    if (kept === undefined) {
      kept = new Set()
      keptSectors.set(op.ino, kept)
    }
    const first = Math.floor(op.position / sectorBytes)
    const count = sectorCount(op)
    let forced = false
    for (let s = 0; s < count; s++) if (kept.has(first + s)) forced = true
    if (legal[i] === 'lost' && !forced) continue
    if (legal[i] === 'length' && !forced) continue
    const mask = maskOf(op, legal[i]).map((own, s) => own || kept.has(first + s))
    for (let s = 0; s < count; s++) if (mask[s]) kept.add(first + s)
    legal[i] = survivalOf(mask)
  }
}

function maskOf(op: DiskOp, survival: Survival): boolean[] {
  if (typeof survival !== 'string') return survival.slice()
  return new Array(sectorCount(op)).fill(survival === 'kept')
}

function survivalOf(mask: readonly boolean[]): Survival {
  if (mask.every((kept) => kept)) return 'kept'
  return mask.some((kept) => kept) ? mask : 'lost'
}

/** A short text that is equal for equal outcomes. */
export function survivalKey(survivals: readonly Survival[]): string {
  let key = ''
  for (const survival of survivals) {
    if (survival === 'lost') key += '-'
    else if (survival === 'kept') key += '+'
    else if (survival === 'length') key += 'L'
    else key += `[${survival.map((kept) => (kept ? 1 : 0)).join('')}]`
  }
  return key
}

/** The inverse of `survivalKey`. */
export function survivalFromKey(key: string): Survival[] {
  const survivals: Survival[] = []
  for (const part of key.match(/[-+L]|\[[01]*\]/g) ?? []) {
    if (part === '-') survivals.push('lost')
    else if (part === '+') survivals.push('kept')
    else if (part === 'L') survivals.push('length')
    else survivals.push([...part.slice(1, -1)].map((bit) => bit === '1'))
  }
  return survivals
}
