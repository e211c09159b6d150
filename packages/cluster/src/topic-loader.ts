import { loadRequestsInFlightMax } from './limits.ts'
import type { PartitionImage, TopicImage } from './metadata-image.ts'
import type { MetadataStore, ZnodeData } from './metadata-store.ts'
import { MetadataUnavailableError, required } from './registration.ts'
import { type ConfigEntityType, configTypeZnode, configZnode } from './znodes/configs.ts'
import { ZnodeFormatError } from './znodes/json.ts'
import {
  type PartitionState,
  partitionStateZnode,
  type ReplicaAssignment,
  topicsZnode,
  topicZnode,
} from './znodes/topics.ts'

/** A topic with what a compare-and-set on it needs. */
export interface LoadedTopic {
  readonly image: TopicImage
  readonly versions: TopicVersions
}

export interface TopicVersions {
  /** Of `/brokers/topics/<topic>`. */
  readonly topic: number
  /** Of `/config/topics/<topic>`; `null`: there is none. */
  readonly configs: number | null
}

export interface LoadedConfigs {
  readonly configs: Map<string, string>
  readonly version: number | null
}

/** All topics, with a bounded number of reads under way. Throws `MetadataUnavailableError` and `ZnodeFormatError`. */
export async function loadTopics(store: MetadataStore): Promise<LoadedTopic[]> {
  return loadNamed(store, required(await store.children(topicsZnode.path)).names)
}

/** One topic, or `null` when there is none. Throws as `loadTopics`. */
export async function loadTopic(store: MetadataStore, name: string): Promise<LoadedTopic | null> {
  const [topic] = await loadNamed(store, [name])
  return topic ?? null
}

/** In three rounds over all topics, so that a store behind a network is asked in bulk. Names without a topic are left out. */
async function loadNamed(store: MetadataStore, names: readonly string[]): Promise<LoadedTopic[]> {
  const found = await readAll(store, names.map(topicZnode.path))
  const configNodes = await readAll(
    store,
    names.map((name) => configZnode.path('topics', name)),
  )
  const assignments = found.map((node, i) => (node === null ? null : assignmentOf(names[i], node.data)))
  const statePaths = assignments.flatMap((assignment, i) =>
    assignment === null ? [] : assignment.replicas.map((_, partition) => partitionStateZnode.path(names[i], partition)),
  )
  const states = await readAll(store, statePaths)
  const topics: LoadedTopic[] = []
  let next = 0
  for (let i = 0; i < names.length; i++) {
    const assignment = assignments[i]
    const node = found[i]
    if (assignment === null || node === null) continue
    const name = names[i]
    const partitions = assignment.replicas.map((replicas, partition) => {
      const state = states[next++]
      if (state === null) return partitionImage(partition, replicas, null, -1)
      return partitionImage(
        partition,
        replicas,
        partitionStateZnode.decode(name, partition, state.data),
        state.stat.version,
      )
    })
    const { configs, version } = configsOf('topics', name, configNodes[i])
    topics.push({
      image: { name, topicId: assignment.topicId, partitions, configs },
      versions: { topic: node.stat.version, configs: version },
    })
  }
  return topics
}

export async function loadConfigs(store: MetadataStore, type: ConfigEntityType, name: string): Promise<LoadedConfigs> {
  const [node] = await readAll(store, [configZnode.path(type, name)])
  return configsOf(type, name, node)
}

/** Overrides of all entities of a kind, by entity. */
export async function loadEntityConfigs(
  store: MetadataStore,
  type: ConfigEntityType,
): Promise<Map<string, LoadedConfigs>> {
  const { names } = required(await store.children(configTypeZnode.path(type)))
  const nodes = await readAll(
    store,
    names.map((name) => configZnode.path(type, name)),
  )
  return new Map(names.map((name, i) => [name, configsOf(type, name, nodes[i])]))
}

/** A partition as its assignment and its state say; without a state it never had a leader. */
export function partitionImage(
  partition: number,
  assignment: ReplicaAssignment,
  state: PartitionState | null,
  partitionEpoch: number,
): PartitionImage {
  return {
    partition,
    replicas: assignment.replicas,
    addingReplicas: assignment.addingReplicas,
    removingReplicas: assignment.removingReplicas,
    leader: state?.leader ?? -1,
    leaderEpoch: state?.leaderEpoch ?? -1,
    isr: state?.isr ?? [],
    partitionEpoch,
    leaderRecoveryState: state?.leaderRecoveryState ?? 'recovered',
  }
}

/** Reads nodes with a bounded number of requests under way; `null` where there is none. Throws `MetadataUnavailableError`. */
async function readAll(store: MetadataStore, paths: readonly string[]): Promise<(ZnodeData | null)[]> {
  const nodes: (ZnodeData | null)[] = []
  for (let i = 0; i < paths.length; i += loadRequestsInFlightMax) {
    const slice = paths.slice(i, i + loadRequestsInFlightMax)
    for (const outcome of await Promise.all(slice.map((path) => store.get(path)))) {
      if (outcome.ok) nodes.push(outcome.value)
      else if (outcome.code === 'noNode') nodes.push(null)
      else throw new MetadataUnavailableError(outcome)
    }
  }
  return nodes
}

function assignmentOf(name: string, data: Buffer | null): { topicId: string; replicas: ReplicaAssignment[] } {
  const { topicId, partitions } = topicZnode.decode(name, data)
  const path = topicZnode.path(name)
  if (topicId === null) throw new ZnodeFormatError(path, 'it has no topic id (a broker older than 2.8 made it)')
  const replicas: ReplicaAssignment[] = []
  for (let partition = 0; partition < partitions.size; partition++) {
    const assignment = partitions.get(partition)
    if (assignment === undefined) throw new ZnodeFormatError(path, `it has no partition ${partition}`)
    replicas.push(assignment)
  }
  return { topicId, replicas }
}

function configsOf(type: ConfigEntityType, name: string, node: ZnodeData | null): LoadedConfigs {
  if (node === null) return { configs: new Map(), version: null }
  return { configs: configZnode.decode(type, name, node.data), version: node.stat.version }
}
