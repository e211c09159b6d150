import { batch } from '@ottla/protocol/records'
import type { SeededRandom, SimDisk } from '@ottla/runtime/sim'
import type { BrokerHost } from '../broker-host.ts'
import { segmentName, segmentsIn } from '../check/log-files.ts'
import type { World } from '../world.ts'

type Bytes = ReturnType<SimDisk['tree']['image']['file']>['bytes']

/** Files beside a log that must be disposable. */
const CACHE = /\.(index|timeindex|snapshot)$|^leader-epoch-checkpoint$|^ottla\.index-checksums$/

/** Loses or damages files that can be made again, while no process runs. */
export function damageCaches(world: World, host: BrokerHost, random: SeededRandom): void {
  const fs = host.machine.disk.mount()
  const damageOnly = random.chance(0.5)
  host.watch.cachesDamaged = true
  for (const root of host.directories) {
    if (random.chance(0.3) && fs.exists(`${root}/recovery-point-offset-checkpoint`)) {
      fs.unlink(`${root}/recovery-point-offset-checkpoint`)
      fs.syncDir(root)
    }
    for (const folder of fs.readdir(root)) {
      if (!/^[tx]\d+-\d+$/.test(folder)) continue
      const directory = `${root}/${folder}`
      for (const name of fs.readdir(directory)) {
        if (!CACHE.test(name) || random.chance(0.6)) continue
        const path = `${directory}/${name}`
        if (!damageOnly) fs.unlink(path)
        // Without its checksums a wrong index cannot be told from a right one: these are lost, or nothing is damaged.
        else if (/\.(index|timeindex|snapshot)$/.test(name)) flip(fs, path, random)
      }
      fs.syncDir(directory)
    }
  }
  world.say(damageOnly ? 'indexes and snapshots are damaged' : 'indexes, snapshots and checkpoints are lost')
}

function flip(fs: ReturnType<BrokerHost['machine']['disk']['mount']>, path: string, random: SeededRandom): void {
  const file = fs.open(path, 'r+')
  const size = file.size()
  if (size > 0) {
    const at = random.below(size)
    const byte = Buffer.alloc(1)
    file.readSync(byte, 0, 1, at)
    byte[0] ^= 1 << random.below(8)
    file.writeSync(byte, at)
    file.syncSync()
  }
  file.close()
}

/**
 * The format leaves a batch's base offset and leader epoch out of its CRC: what rots there cannot be found, by anybody.
 * Such a position is moved to the batch's length or its magic byte.
 */
function protectedPosition(bytes: Bytes, position: number): number {
  const header = Buffer.alloc(batch.HEADER_BYTES)
  for (let at = 0; bytes.read(header, 0, header.length, at) === header.length && at <= position; ) {
    const size = batch.sizeInBytes(header, 0)
    if (size < batch.HEADER_BYTES) return position
    const within = position - at
    if (within < 8) return at + 8 + (within % 4)
    if (within >= 12 && within < 16) return at + 16
    at += size
  }
  return position
}

/** One bit of a log turns over. From here on the partition may be short or offline, but never wrong. */
export function rotBit(world: World, host: BrokerHost, random: SeededRandom): boolean {
  const { disk } = host.machine
  const candidates = world.livePartitions().filter(({ facts }) => facts.length > 3)
  // Something must be left to work with.
  if (candidates.length < 2) return false
  const ledger = candidates[random.below(candidates.length)]
  for (const root of host.directories) {
    const directory = `${root}/${ledger.topic.plan.name}-${ledger.index}`
    const bases = segmentsIn(disk, directory)
    if (bases.length === 0) continue
    const path = `${directory}/${segmentName(bases[random.below(bases.length)])}`
    const { bytes } = disk.tree.image.file(disk.tree.image.find(path)!)
    if (bytes.size === 0) return false
    const position = protectedPosition(bytes, random.below(bytes.size))
    disk.flipBits(path, position, 1 << random.below(8))
    ledger.damaged = true
    world.say(`a bit of ${path} turns over at ${position}`)
    return true
  }
  return false
}
