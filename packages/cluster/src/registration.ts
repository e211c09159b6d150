import type { Clock, SecureRandom } from '@ottla/runtime'
import type { MetadataStore, Operation, Outcome, StoreFailure } from './metadata-store.ts'
import { randomUuid } from './uuid.ts'
import { type BrokerRegistration, brokerIdZnode } from './znodes/brokers.ts'
import { clusterIdZnode } from './znodes/cluster.ts'
import { controllerEpochZnode, controllerZnode } from './znodes/controller.ts'
import { persistentPaths } from './znodes/layout.ts'

/** A metadata store that does not answer while a broker starts: the broker does not start. */
export class MetadataUnavailableError extends Error {
  readonly failure: StoreFailure

  constructor(failure: StoreFailure) {
    super(`the metadata store answered ${failure.code} on ${failure.path}`)
    this.name = 'MetadataUnavailableError'
    this.failure = failure
  }
}

/** The value, or the start-up error. */
export function required<T>(outcome: Outcome<T>): T {
  if (!outcome.ok) throw new MetadataUnavailableError(outcome)
  return outcome.value
}

/** Makes the nodes that every broker expects, those that are missing. Throws `MetadataUnavailableError`. */
export async function createPersistentPaths(store: MetadataStore): Promise<void> {
  const paths = new Set<string>()
  for (const path of persistentPaths) {
    for (let slash = path.indexOf('/', 1); slash !== -1; slash = path.indexOf('/', slash + 1))
      paths.add(path.slice(0, slash))
    paths.add(path)
  }
  const stats = await Promise.all([...paths].map(async (path) => ({ path, stat: required(await store.exists(path)) })))
  const missing = stats.flatMap(({ path, stat }): Operation[] =>
    stat === null ? [{ type: 'create', path, data: null }] : [],
  )
  if (missing.length === 0) return
  const made = await store.multi(missing)
  if (made.ok) return
  if (made.code !== 'nodeExists') throw new MetadataUnavailableError(made)
  // Another broker starts at the same moment.
  for (const operation of missing) {
    const created = await store.create(operation.path, null)
    if (!created.ok && created.code !== 'nodeExists') throw new MetadataUnavailableError(created)
  }
}

/**
 * The cluster's id, made when there is none: `proposed` (a valid id from a configuration), else a random one.
 * Throws `MetadataUnavailableError` and `ZnodeFormatError`.
 */
export async function createOrGetClusterId(
  store: MetadataStore,
  secureRandom: SecureRandom,
  proposed: string | null = null,
): Promise<string> {
  const found = await store.get(clusterIdZnode.path)
  if (found.ok) return clusterIdZnode.decode(found.value.data)
  if (found.code !== 'noNode') throw new MetadataUnavailableError(found)
  const clusterId = proposed ?? randomUuid(secureRandom)
  const id: Operation = { type: 'create', path: clusterIdZnode.path, data: clusterIdZnode.encode(clusterId) }
  let created = await store.multi([{ type: 'create', path: clusterIdZnode.parent, data: null }, id])
  // The parent may be there without the id.
  if (!created.ok && created.code === 'nodeExists') created = await store.multi([id])
  if (!created.ok && created.code !== 'nodeExists') throw new MetadataUnavailableError(created)
  // Whoever was first has decided.
  return clusterIdZnode.decode(required(await store.get(clusterIdZnode.path)).data)
}

export type RegisterOutcome =
  | { readonly ok: true; readonly brokerEpoch: number }
  /** A live session holds the id: refuse to start (C6). After a crash wait until that session has expired. */
  | { readonly ok: false; readonly error: 'brokerIdInUse' }
  | { readonly ok: false; readonly error: 'storeFailed'; readonly failure: StoreFailure }

/** Makes `/brokers/ids/<id>`. The broker epoch is that node's czxid, and fences whatever earlier lives sent. */
export async function registerBroker(
  store: MetadataStore,
  brokerId: number,
  registration: BrokerRegistration,
): Promise<RegisterOutcome> {
  const path = brokerIdZnode.path(brokerId)
  const created = await store.create(path, brokerIdZnode.encode(registration), 'ephemeral')
  if (created.ok) return { ok: true, brokerEpoch: created.value.stat.czxid }
  if (created.code !== 'nodeExists') return { ok: false, error: 'storeFailed', failure: created }
  // It may be our own: an earlier attempt whose answer was lost.
  const found = await store.exists(path)
  if (!found.ok) return { ok: false, error: 'storeFailed', failure: found }
  if (found.value?.ephemeralOwner === store.sessionId) return { ok: true, brokerEpoch: found.value.czxid }
  return { ok: false, error: 'brokerIdInUse' }
}

/** A term of office. Writes are conditional on `epochZnodeVersion`, so they fail once another controller was elected (C1). */
export interface ControllerTerm {
  readonly epoch: number
  /** Version of `/controller_epoch`. */
  readonly epochZnodeVersion: number
}

export type ClaimOutcome =
  | { readonly ok: true; readonly term: ControllerTerm }
  | { readonly ok: false; readonly error: 'controllerElsewhere' }
  | { readonly ok: false; readonly error: 'storeFailed'; readonly failure: StoreFailure }

/** Tries to become the controller: `/controller` and the next `/controller_epoch` in one multi, as Kafka 3.9 does. */
export async function claimController(store: MetadataStore, brokerId: number, clock: Clock): Promise<ClaimOutcome> {
  const current = await readOrCreateControllerEpoch(store)
  if (!current.ok) return { ok: false, error: 'storeFailed', failure: current }
  const epoch = current.value.epoch + 1
  const registration = { brokerId, timestampMs: clock.nowMs(), kraftControllerEpoch: -1 }
  const claimed = await store.multi([
    { type: 'create', path: controllerZnode.path, data: controllerZnode.encode(registration), mode: 'ephemeral' },
    {
      type: 'set',
      path: controllerEpochZnode.path,
      data: controllerEpochZnode.encode(epoch),
      expectedVersion: current.value.epochZnodeVersion,
    },
  ])
  if (!claimed.ok) {
    if (claimed.code === 'nodeExists' || claimed.code === 'badVersion')
      return { ok: false, error: 'controllerElsewhere' }
    return { ok: false, error: 'storeFailed', failure: claimed }
  }
  const set = claimed.value[1]
  if (set.type !== 'set') throw new Error('a set was answered as something else')
  return { ok: true, term: { epoch, epochZnodeVersion: set.stat.version } }
}

async function readOrCreateControllerEpoch(store: MetadataStore): Promise<Outcome<ControllerTerm>> {
  const { path, initialEpoch } = controllerEpochZnode
  const created = await store.create(path, controllerEpochZnode.encode(initialEpoch))
  if (created.ok) return { ok: true, value: { epoch: initialEpoch, epochZnodeVersion: 0 } }
  if (created.code !== 'nodeExists') return created
  const found = await store.get(path)
  if (!found.ok) return found
  const epoch = controllerEpochZnode.decode(found.value.data)
  return { ok: true, value: { epoch, epochZnodeVersion: found.value.stat.version } }
}
