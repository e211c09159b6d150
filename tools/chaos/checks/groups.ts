import type {
  AssignEvent,
  BeginEvent,
  CommitEvent,
  EndEvent,
  OffsetsEvent,
  Place,
  ReadEvent,
  RevokeEvent,
} from '../events.ts'
import type { GroupProtocols } from '../plan.ts'
import type { Findings } from './findings.ts'

/** The broker has said, by `t`, that the group's offset is this. */
interface Known {
  readonly t: number
  readonly offset: number
  readonly by: string
}

/** What was told to somebody who asked at `t0`. */
interface Told {
  readonly t0: number
  readonly offset: number
  readonly by: string
}

/** The broker has accepted it. */
interface Commit {
  readonly by: string
  readonly t0: number
  readonly group: string
  readonly generation: number
  readonly partitions: readonly number[]
}

/** By `t` somebody had been given a partition. */
interface Given {
  readonly by: string
  readonly t: number
  readonly generation: number
}

interface Partition {
  readonly known: Known[]
  readonly told: Told[]
}

/**
 * Groups: in one generation a partition belongs to one member; who has it of an older generation than somebody else can commit
 * nothing; committed offsets never go back; who is given a partition reads on exactly there.
 *
 * By the classic protocol a generation is the whole group's: as soon as anybody has been given something in it, those before are
 * over. By the consumer protocol (KIP-848) generations are epochs, in which members arrive one by one: what counts is who has the
 * partition.
 *
 * What is told arrives in no certain order, so everything is judged by its times: `finish` does, and may be called while more
 * is to come.
 */
export class GroupsCheck {
  readonly #findings: Findings
  readonly #protocols: GroupProtocols
  /** `group generation partition` to the member that had it. */
  readonly #owners = new Map<string, string>()
  /** By group: generation to when somebody first was known to be in it. */
  readonly #generations = new Map<string, Map<number, number>>()
  readonly #commits: Commit[] = []
  /** By `group partition`. */
  readonly #given = new Map<string, Given[]>()
  readonly #partitions = new Map<string, Partition>()
  /** `worker group partition` to the offset that is read next; null when any offset may be. */
  readonly #next = new Map<string, number | null>()
  commits = 0
  observations = 0

  constructor(protocols: GroupProtocols, findings: Findings) {
    this.#protocols = protocols
    this.#findings = findings
  }

  /** Generations in which members were given partitions. */
  get rebalances(): number {
    return [...this.#generations.values()].reduce((sum, { size }) => sum + size, 0)
  }

  onAssign(by: string, { group, generation, t, places }: AssignEvent): void {
    const generations = this.#generations.get(group) ?? new Map<number, number>()
    this.#generations.set(group, generations)
    generations.set(generation, Math.min(t, generations.get(generation) ?? Number.POSITIVE_INFINITY))
    for (const [partition, offset] of places) {
      this.#own(by, group, generation, partition)
      const given = this.#given.get(`${group} ${partition}`) ?? []
      this.#given.set(`${group} ${partition}`, given)
      given.push({ by, t, generation })
      if (offset >= 0) this.#partition(group, partition).told.push({ t0: t, offset, by })
      this.#next.set(`${by} ${group} ${partition}`, Math.max(0, offset))
    }
  }

  onRevoke(by: string, { group, partitions }: RevokeEvent): void {
    for (const partition of partitions) this.#next.delete(`${by} ${group} ${partition}`)
  }

  onRead(by: string, { group, generation, partition, from, values }: ReadEvent): void {
    this.#own(by, group, generation, partition)
    const key = `${by} ${group} ${partition}`
    const next = this.#next.get(key)
    if (next === undefined) this.#findings.add('not its own', `${by} reads ${group} ${partition}@${from}`)
    else if (next !== null && next !== from) {
      this.#findings.add('gap', `${by} reads ${group} ${partition}@${from}, and was to go on at ${next}`)
    }
    this.#next.set(key, from + values.length)
  }

  onCommit(by: string, { group, generation, t0, t, offsets }: CommitEvent): void {
    this.commits += 1
    this.#committed(by, group, generation, t0, t, offsets)
  }

  onEnd(by: string, { group, generation, t0, t, offsets, outcome }: EndEvent): void {
    if (outcome !== 'committed') return
    this.commits += 1
    this.#committed(by, group, generation, t0, t, offsets)
  }

  onBegin(by: string, { group, generation, reads }: BeginEvent): void {
    for (const [partition] of reads) this.#own(by, group, generation, partition)
  }

  onOffsets(by: string, { group, t0, t, offsets }: OffsetsEvent): void {
    this.observations += 1
    for (const [partition, offset] of offsets) {
      const { told, known } = this.#partition(group, partition)
      told.push({ t0, offset, by })
      // What somebody has been told once is not to be taken back, either.
      known.push({ t, offset, by })
    }
  }

  #committed(by: string, group: string, generation: number, t0: number, t: number, offsets: readonly Place[]): void {
    this.#commits.push({ by, t0, group, generation, partitions: offsets.map(([partition]) => partition) })
    for (const [partition, offset] of offsets) {
      this.#own(by, group, generation, partition)
      this.#partition(group, partition).known.push({ t, offset, by })
    }
  }

  #own(by: string, group: string, generation: number, partition: number): void {
    // Who is out of the group is told so with its next commit.
    if (generation < 0) return
    const key = `${group} ${generation} ${partition}`
    const owner = this.#owners.get(key)
    this.#owners.set(key, by)
    if (owner !== undefined && owner !== by) {
      this.#findings.add('two owners', `${group}-${partition} in generation ${generation}: ${owner} and ${by}`)
    }
  }

  #partition(group: string, partition: number): Partition {
    const key = `${group} ${partition}`
    const found = this.#partitions.get(key) ?? { known: [], told: [] }
    this.#partitions.set(key, found)
    return found
  }

  finish(): void {
    this.#zombies()
    for (const [name, { known, told }] of this.#partitions) this.#neverBack(name, known, told)
  }

  #zombies(): void {
    for (const commit of this.#commits) {
      const { by, t0, group, generation } = commit
      const over = this.#over(commit)
      if (over === undefined) continue
      const ago = Math.round(t0 - over.t)
      const what = `${by} has committed as of generation ${generation} of ${group}, ${ago} ms after ${over.generation} began`
      this.#findings.add('two owners', what)
    }
  }

  /** What had come after a commit's generation when it was asked for, if anything had. */
  #over({ by, t0, group, generation, partitions }: Commit): Omit<Given, 'by'> | undefined {
    if (this.#protocols[group] === 'classic') {
      const later = [...(this.#generations.get(group) ?? [])].find(([one, t]) => one > generation && t < t0)
      return later && { generation: later[0], t: later[1] }
    }
    return partitions
      .flatMap((partition) => this.#given.get(`${group} ${partition}`) ?? [])
      .find((given) => given.by !== by && given.generation > generation && given.t < t0)
  }

  #neverBack(name: string, known: Known[], told: readonly Told[]): void {
    const since = [...known].sort((a, b) => a.t - b.t)
    const asked = [...told].sort((a, b) => a.t0 - b.t0)
    let highest: Known | null = null
    let at = 0
    for (const { t0, offset, by } of asked) {
      while (at < since.length && since[at].t <= t0) {
        if (highest === null || since[at].offset > highest.offset) highest = since[at]
        at += 1
      }
      if (highest === null || offset >= highest.offset) continue
      const ago = Math.round(t0 - highest.t)
      this.#findings.add(
        'offset went back',
        `${name}: ${highest.by} has ${highest.offset} committed, ${ago} ms later ${by} is told ${offset}`,
      )
    }
  }
}
