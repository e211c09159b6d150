import type { CrashOptions, DiskCall, SeededRandom } from '@ottla/runtime/sim'
import type { BrokerHost } from '../broker-host.ts'
import type { ArmedError } from '../check/broker-watch.ts'
import { BROKER_HOST } from '../client/link.ts'
import type { FaultKind } from '../options.ts'
import type { World } from '../world.ts'
import { damageCaches, rotBit } from './tamper.ts'

/** A quarter of the periods is quiet. */
const QUIET_PROBABILITY = 0.25
/** Of the moments in which something is under way that a stop must not tear. */
const DELICATE_PROBABILITY = 0.04
/** After a fault the world needs a moment until nothing of it is under way any more. */
const AFTERMATH_MS = 1_200
/** Disk calls that a recovery may have made when it is cut. */
const RECOVERY_CALLS_MAX = 80
/** Where a sync is left out: one that fails would take its data with it, which a crash does not. */
const CALLS: readonly DiskCall[] = [
  'open',
  'read',
  'write',
  'truncate',
  'rename',
  'unlink',
  'mkdir',
  'rmdir',
  'sync-dir',
]

/** Breaks things, one period after the other, of the kinds that the seed has drawn. */
export class Nemesis {
  private readonly world: World
  private readonly host: BrokerHost
  private readonly clients: readonly string[]
  private readonly random: SeededRandom
  private readonly roomRandom: SeededRandom
  private readonly delicateRandom: SeededRandom
  private readonly kinds: readonly FaultKind[]
  private active = false
  private readonly undo = new Set<() => void>()
  private bitRotted = false

  constructor(world: World, host: BrokerHost, clients: readonly string[]) {
    this.world = world
    this.host = host
    this.clients = clients
    this.random = world.random('nemesis')
    this.roomRandom = world.random('nemesis/room')
    this.delicateRandom = world.random('nemesis/delicate')
    this.kinds = [...world.options.faults]
  }

  start(): void {
    this.active = true
    if (this.world.options.lossProbability > 0) this.world.calmSinceMs = Number.POSITIVE_INFINITY
    if (this.kinds.length > 0) this.nextPeriod()
    const stops = (['kill', 'power-cut'] as const).filter((kind) => this.kinds.includes(kind))
    if (stops.length > 0) this.world.delicate = (maxMs) => this.stopWithin(maxMs, stops)
  }

  /** Now and then the broker is stopped while that is under way. */
  private stopWithin(maxMs: number, stops: readonly ('kill' | 'power-cut')[]): void {
    const random = this.delicateRandom
    if (!this.active || !random.chance(DELICATE_PROBABILITY)) return
    this.after(random.between(0, maxMs), () => {
      if (this.active) this.stopBroker(stops[random.below(stops.length)])
    })
  }

  private nextPeriod(): void {
    this.after(this.random.between(400, 1_800), () => {
      if (!this.active) return
      if (!this.random.chance(QUIET_PROBABILITY)) this.strike(this.kinds[this.random.below(this.kinds.length)])
      this.nextPeriod()
    })
  }

  private after(delayMs: number, fn: () => void): void {
    this.world.scheduler.schedule(delayMs, 'sim/nemesis', 0, 0, fn)
  }

  /** A fault for a while; `heal` undoes it early. */
  private during(name: string, durationMs: number, undo: () => void): void {
    this.happened(name, durationMs)
    const once = (): void => {
      if (this.undo.delete(once)) undo()
    }
    this.undo.add(once)
    this.after(durationMs, once)
  }

  private happened(name: string, durationMs = 0): void {
    const { world } = this
    world.fault(name)
    world.say(`fault ${name}${durationMs > 0 ? ` for ${durationMs.toFixed(0)} ms` : ''}`)
    world.calmSinceMs = Math.max(world.calmSinceMs, world.nowMs + durationMs + AFTERMATH_MS)
  }

  private strike(kind: FaultKind): void {
    const { random, host } = this
    const { network } = this.world.simulation
    const client = this.clients[random.below(this.clients.length)]
    const durationMs = random.between(200, 2_500)
    switch (kind) {
      case 'kill':
      case 'power-cut':
      case 'clean-restart':
        this.stopBroker(kind)
        return
      case 'crash-in-recovery':
        this.crashInRecovery()
        return
      case 'bit-rot':
      case 'lost-caches':
        this.tamper(kind)
        return
      case 'reset':
        this.happened(kind)
        network.resetBetween(BROKER_HOST, client)
        return
      case 'black-hole': {
        const connections = network.connections()
        if (connections.length === 0) return
        this.happened(kind, 3_500)
        connections[random.below(connections.length)].blackHole()
        return
      }
      case 'partition':
        network.partition([BROKER_HOST], [client])
        this.during(kind, durationMs, () => {
          network.unblock(BROKER_HOST, client)
          network.unblock(client, BROKER_HOST)
        })
        return
      case 'one-way': {
        const [from, to] = random.chance(0.5) ? [BROKER_HOST, client] : [client, BROKER_HOST]
        network.block(from, to)
        this.during(kind, durationMs, () => network.unblock(from, to))
        return
      }
      case 'slow-link': {
        const [from, to] = random.chance(0.5) ? [BROKER_HOST, client] : [client, BROKER_HOST]
        network.setDelay(from, to, [20, 300])
        this.during(kind, durationMs, () => network.setDelay(from, to, undefined))
        return
      }
      case 'slow-disk':
        host.machine.disk.slowFactor = random.between(10, 80)
        this.during(kind, durationMs, () => {
          host.machine.disk.slowFactor = 1
        })
        return
      case 'disk-full':
        this.fillDisk(durationMs)
        return
      case 'disk-error':
        this.breakDisk()
        return
      case 'clock-jump': {
        const byMs = Math.floor(random.between(-600_000, 600_000))
        this.happened(kind)
        host.machine.jumpWallClock(byMs)
        this.world.say(`the broker's clock jumps by ${byMs} ms`)
        return
      }
    }
  }

  // ---- stops

  private crashOptions(): CrashOptions {
    const keep = (['none', 'all', 'prefix', 'subset', 'subset'] as const)[this.random.below(5)]
    return keep === 'subset' ? { keep, model: this.random.chance(0.5) ? 'ordered' : 'arbitrary' } : { keep }
  }

  /** No power is cut after a failed sync: what then is lost is nobody's fault but the kernel's. */
  private get mayCutPower(): boolean {
    return this.world.options.faults.has('power-cut') && !this.world.syncFailed
  }

  private stopBroker(kind: 'kill' | 'power-cut' | 'clean-restart'): void {
    const { host, random } = this
    if (host.state === 'down') return
    const downMs = random.between(10, 500)
    if (kind === 'clean-restart' && host.state === 'up') {
      this.happened('clean-restart', downMs + 1_500)
      host.stopCleanly(() => {
        if (this.mayCutPower && random.chance(0.3)) {
          this.happened('power cut after a clean stop')
          host.powerOff(this.crashOptions())
        }
        this.restartAfter(downMs)
      })
      // Now and then it does not get to the end.
      if (random.chance(0.3))
        this.after(random.between(0, 20), () => {
          if (host.state !== 'closing') return
          this.happened('kill while closing')
          this.cut()
          this.restartAfter(downMs)
        })
      return
    }
    if (kind === 'power-cut' && !this.mayCutPower) return
    this.happened(kind, downMs + 500)
    if (kind === 'power-cut') host.powerOff(this.crashOptions())
    else host.kill()
    this.restartAfter(downMs)
  }

  private cut(): void {
    if (this.mayCutPower && this.random.chance(0.5)) this.host.powerOff(this.crashOptions())
    else this.host.kill()
  }

  private restartAfter(delayMs: number): void {
    this.after(delayMs, () => this.restart())
  }

  private restart(): void {
    const { host } = this
    if (host.state !== 'down') return
    host.onStarted = (outcome) => {
      if (!(outcome instanceof Error)) return
      // A full or broken disk is an excuse; then it is tried again later.
      if (!host.watch.diskTrouble)
        this.world.checks.fail(
          'LV',
          'the broker starts on a sound disk',
          `start failed: ${outcome.stack ?? outcome.message}`,
        )
      this.restartAfter(300)
    }
    host.start()
  }

  /** The process dies in the middle of its start, at some disk call. */
  private crashInRecovery(): void {
    const { host, random } = this
    if (host.state !== 'up') return
    this.happened('crash in recovery', 1_500)
    this.cut()
    const { disk } = host.machine
    const { troubles } = host.watch
    const limit = random.below(RECOVERY_CALLS_MAX)
    this.after(random.between(5, 100), () => {
      if (host.state !== 'down') return
      let calls = 0
      const disarm = CALLS.map((call) =>
        disk.inject({ call, times: Number.POSITIVE_INFINITY, path: () => ++calls > limit }),
      )
      troubles.add('recovery')
      host.onStarted = (outcome) => {
        for (const undo of disarm) undo()
        troubles.delete('recovery')
        this.world.say(
          `recovery ${calls > limit ? `was cut at disk call ${limit}` : 'needed fewer calls'}${outcome === 'up' ? '' : `, start ${outcome === 'stopped from outside' ? outcome : 'failed'}`}`,
        )
        if (outcome === 'stopped from outside' || (calls <= limit && outcome === 'up')) return
        // What a process does after its death never happens: it must not run on with a disk that works again.
        this.cut()
        this.restartAfter(random.between(5, 100))
      }
      host.start()
    })
  }

  private tamper(kind: 'bit-rot' | 'lost-caches'): void {
    const { host, random, world } = this
    // What is done to the files goes through the same disk.
    if (host.state !== 'up' || host.watch.diskTrouble || (kind === 'bit-rot' && this.bitRotted)) return
    this.happened(kind, 1_500)
    const then = (): void => {
      if (kind === 'lost-caches') damageCaches(world, host, random)
      else this.bitRotted = rotBit(world, host, random)
      this.restartAfter(random.between(5, 100))
    }
    if (random.chance(0.5)) host.stopCleanly(then)
    else {
      host.kill()
      then()
    }
  }

  // ---- the disk

  private fillDisk(durationMs: number): void {
    const { host, random } = this
    const { disk } = host.machine
    if (host.watch.diskTrouble) return
    host.watch.troubles.add('full')
    disk.capacityBytes = disk.usedBytes() + random.below(6_000)
    host.watch.diskWasFull = true
    this.during('disk-full', durationMs, () => {
      disk.capacityBytes = Number.POSITIVE_INFINITY
      host.watch.troubles.delete('full')
      // Whoever made room restarts the broker now and then: before a retry covers what a failed write has left.
      if (this.roomRandom.chance(0.4)) this.stopBroker('clean-restart')
      this.after(1_500, () => this.checkServing(durationMs))
    })
  }

  /** S7: there is room again. */
  private checkServing(durationMs: number): void {
    const { host, world } = this
    if (host.state !== 'up' || host.watch.diskTrouble) return
    world.checks.met('S7')
    for (const { partition, ledger } of host.watch.partitions)
      if (partition.log.offline !== null && !ledger.damaged)
        world.checks.fail(
          'S7',
          `${ledger.name} is served again after ${durationMs.toFixed(0)} ms of a full disk`,
          `it is offline: ${partition.log.offline.message}`,
        )
  }

  /** One or all calls of a kind fail on the files of the logs; then somebody restarts the broker. */
  private breakDisk(): void {
    const { host, random, world } = this
    if (host.state !== 'up' || host.watch.diskTrouble) return
    const call = (['write', 'sync', 'read', 'sync-dir', 'rename'] as const)[random.below(5)]
    const { disk } = host.machine
    const inLogs = (path: string): boolean => /\/([tx]\d+|__\w+)-\d+(\/\d+\.log)?$/.test(path)
    const times = random.chance(0.5) ? 1 : Number.POSITIVE_INFINITY
    const before = disk.faultCounts.get(`${call} EIO`) ?? 0
    const armed: ArmedError = { fault: `${call} EIO`, before, path: '' }
    const path = (of: string): boolean => {
      if (!inLogs(of)) return false
      // Asked before every call: the last answer was about the one that failed.
      if ((disk.faultCounts.get(armed.fault) ?? 0) === before) armed.path = of
      return true
    }
    const disarm = disk.inject({ call, path, after: random.below(15), times })
    host.watch.troubles.add('error')
    if (call === 'write' || call === 'sync') host.watch.armed = armed
    this.during(`disk-error ${call}`, random.between(500, 2_000), () => {
      disarm()
      host.watch.armed = null
      const hit = (disk.faultCounts.get(`${call} EIO`) ?? 0) > before
      host.watch.troubles.delete('error')
      if (hit && call === 'sync') world.syncFailed = true
      if (!hit) return
      world.say('the disk works again, somebody restarts the broker')
      // Until that process has ended, however that comes about.
      if (host.state !== 'down') host.watch.troubles.add('after-error')
      this.bringDown(() => this.restartAfter(50))
    })
  }

  /** Ends the process whatever it is doing. */
  private bringDown(then: () => void): void {
    const { host, random } = this
    if (host.state === 'up' && random.chance(0.5)) {
      host.stopCleanly(then)
      return
    }
    host.kill()
    then()
  }

  // ---- the end

  /** Everything works from now on. `up` is called when the broker serves. */
  heal(up: () => void): void {
    const { host, world } = this
    this.active = false
    for (const undo of [...this.undo]) undo()
    const { network } = world.simulation
    network.heal()
    network.profile.lossProbability = 0
    world.say('all faults end')
    const ready = (): void => {
      if (host.state !== 'up' || host.watch.diskTrouble) {
        this.after(50, ready)
        return
      }
      if (host.watch.offline) {
        world.say('somebody restarts the broker, for logs that are offline')
        host.kill()
        this.restartAfter(20)
        this.after(50, ready)
        return
      }
      world.calmSinceMs = world.nowMs + AFTERMATH_MS
      up()
    }
    ready()
  }
}
