import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { installPython } from '../../tools/peers/python.ts'
import { startContender } from '../contenders.ts'
import { native } from '../drivers.ts'
import { GroupMembers } from '../group-members.ts'
import { awaitOffsets, commitFor, commitOnce, type OffsetLoad, verifyOffsets } from '../offset-load.ts'
import { cpuSeconds, rssAnonMegabytes } from '../process-figures.ts'
import type { Row } from '../row.ts'

/** Kafka allows no shorter session. */
const sessionTimeoutMs = 6000
/** A tenth of a second or two decide here; with the default of 3 s the phase of heartbeats would. */
const heartbeatIntervalMs = 200

/**
 * Groups of two that become three and lose the third, each once: from the beginning of the join, or from SIGKILL, until
 * the last member has its new share.
 */
const membership: Row = {
  kind: 'shared',
  id: 'groups: a third member joins, and is killed',
  atMostRounds: 1,
  async measure(broker, context) {
    await installPython()
    const topic = context.topic()
    const partitions = 6
    await native('create', broker.bootstrap, { topic, partitions })
    const { bootstrap } = broker
    await using members = new GroupMembers({ bootstrap, topic, partitions, sessionTimeoutMs, heartbeatIntervalMs })
    const groups = Array.from(
      { length: context.short || context.round < 0 ? 2 : 10 },
      (_, index) => `${topic}-group-${index}`,
    )
    members.start(groups.flatMap((group) => [[group, 'first'] as const, [group, 'second'] as const]))
    for (const group of groups) await members.stable(group, 2)

    const joined: number[] = []
    const third = []
    for (const group of groups) {
      third.push(members.start([[group, 'third']]))
      const stableMs = await members.stable(group, 3)
      joined.push(stableMs - members.joiningMs(group, 'third'))
    }
    const killedMs = []
    for (const [index, group] of groups.entries()) killedMs.push(members.kill(third[index], [[group, 'third']]))
    const recovered: number[] = []
    for (const [index, group] of groups.entries()) recovered.push((await members.stable(group, 2)) - killedMs[index])
    await native('delete', broker.bootstrap, { topic })
    return { 'stable after a join ms': joined, 'stable after a kill ms': recovered }
  },
}

const commits: Row = {
  kind: 'shared',
  id: 'groups: 1,000 commit for 10 partitions each',
  warmUp: true,
  async measure(broker, context) {
    const load: OffsetLoad = { topic: context.topic(), groups: context.short ? 100 : 1000, partitions: 10 }
    await native('create', broker.bootstrap, { topic: load.topic, partitions: load.partitions })
    await commitOnce(broker.port, load)
    const before = cpuSeconds(broker.pid)
    const rate = await commitFor(broker.port, load, context.short ? 0.5 : context.round < 0 ? 10 : 4)
    const cpu = cpuSeconds(broker.pid) - before
    await verifyOffsets(broker.port, load, 1)
    await native('delete', broker.bootstrap, { topic: load.topic })
    return {
      'commits/s': rate.commits / rate.seconds,
      'broker CPU s per 100,000 commits': (cpu * 100_000) / rate.commits,
      'driver cores': rate.cpuSeconds / rate.seconds,
    }
  },
}

/** Start after SIGKILL with a million committed offsets, each of another key. They are made once. */
const million: Row = {
  kind: 'own',
  id: 'groups: start with 1,000,000 committed offsets',
  untilShare: 0.95,
  atMostRounds: 3,
  async measure(contender, context) {
    const dir = context.keptFolder
    const load: OffsetLoad = { topic: 'committed', groups: context.short ? 100 : 1000, partitions: 1000 }
    if (context.short) load.partitions = 100
    const done = join(dir, 'prepared')
    if (!existsSync(done)) {
      const first = await startContender(contender, dir)
      try {
        await native('create', first.bootstrap, { topic: load.topic, partitions: load.partitions })
        await commitOnce(first.port, load)
      } finally {
        await first.kill()
      }
      writeFileSync(done, '')
    }
    const spawned = performance.now()
    const broker = await startContender(contender, dir)
    try {
      await awaitOffsets(broker.port, load)
      const servedMs = performance.now() - spawned
      const samples = {
        'start to first answer ms': broker.answeredMs,
        'start to every group served ms': servedMs,
        'broker CPU seconds': cpuSeconds(broker.pid),
        'RssAnon MB': rssAnonMegabytes(broker.pid),
      }
      await verifyOffsets(broker.port, load, 10)
      return samples
    } finally {
      await broker.kill()
    }
  },
}

export const groupRows: Row[] = [membership, commits, million]
