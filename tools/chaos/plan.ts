import type { SeededRandom } from '@ottla/runtime/sim'

export const NUMBERS = 'numbers'
export const REQUESTS = 'requests'
export const LEDGER = 'ledger'
export const PARTITIONS = 4
export const READERS = 'readers'
export const TELLERS = 'tellers'

/** A session is as short as the broker allows here, so that who is killed is replaced soon. */
export const SESSION_TIMEOUT_MS = 4000
export const TRANSACTION_TIMEOUT_MS = 6000

export const BROKER_SETTINGS: Readonly<Record<string, string>> = {
  'group.min.session.timeout.ms': '1000',
  'group.initial.rebalance.delay.ms': '0',
  'group.consumer.min.session.timeout.ms': '1000',
  'group.consumer.session.timeout.ms': String(SESSION_TIMEOUT_MS),
  'group.consumer.min.heartbeat.interval.ms': '500',
  'group.consumer.heartbeat.interval.ms': '500',
  'transaction.abort.timed.out.transaction.cleanup.interval.ms': '500',
  'auto.create.topics.enable': 'false',
  // Small enough that recovery meets more than one segment.
  'log.segment.bytes': '1048576',
  'log.flush.offset.checkpoint.interval.ms': '5000',
}

export type Role = 'numbers' | 'requests' | 'reader' | 'teller' | 'watcher'
/** `group.protocol`: the classic one, or that of KIP-848. */
export type GroupProtocol = 'classic' | 'consumer'
/** By group. */
export type GroupProtocols = Readonly<Record<string, GroupProtocol>>
export type Language = 'ts' | 'py'

export interface Part {
  readonly name: string
  readonly role: Role
  readonly language: Language
}

const membersOf = (role: Role, count: number): Part[] =>
  (['ts', 'py'] as const).flatMap((language) =>
    Array.from({ length: count }, (_, i) => ({
      name: count === 1 ? `${role}-${language}` : `${role}-${language}-${i + 1}`,
      role,
      language,
    })),
  )

/** Who takes part. */
export const parts: readonly Part[] = [
  ...membersOf('numbers', 1),
  ...membersOf('requests', 1),
  ...membersOf('reader', 2),
  ...membersOf('teller', 2),
  ...membersOf('watcher', 1),
]

export const isMember = ({ role }: Part): boolean => role === 'reader' || role === 'teller'
export const isProducer = ({ role }: Part): boolean => role === 'numbers' || role === 'requests'

/** What a worker is started with. */
export interface WorkerConfig {
  readonly name: string
  /** How often this part has been started before. */
  readonly incarnation: number
  readonly role: Role
  readonly seed: number
  readonly bootstrap: string
  readonly topic: string
  readonly ledger: string
  readonly group: string
  readonly groups: readonly string[]
  readonly groupProtocol: GroupProtocol
  readonly partitions: number
  readonly sessionTimeoutMs: number
  readonly transactionTimeoutMs: number
}

const topicOf: Readonly<Record<Role, string>> = {
  numbers: NUMBERS,
  requests: REQUESTS,
  reader: NUMBERS,
  teller: REQUESTS,
  watcher: LEDGER,
}

/** One of each kind; which is which is in the seed. */
export function protocolsOf(seed: number): GroupProtocols {
  const isOdd = seed % 2 === 1
  return { [READERS]: isOdd ? 'classic' : 'consumer', [TELLERS]: isOdd ? 'consumer' : 'classic' }
}

export function configOf(part: Part, incarnation: number, seed: number, bootstrap: string): WorkerConfig {
  const { name, role } = part
  const group = role === 'teller' ? TELLERS : READERS
  return {
    name,
    incarnation,
    role,
    seed,
    bootstrap,
    topic: topicOf[role],
    ledger: LEDGER,
    group,
    groupProtocol: protocolsOf(seed)[group],
    groups: [READERS, TELLERS],
    partitions: PARTITIONS,
    sessionTimeoutMs: SESSION_TIMEOUT_MS,
    transactionTimeoutMs: TRANSACTION_TIMEOUT_MS,
  }
}

export type Blow =
  | { readonly type: 'kill-broker'; readonly downMs: number }
  | { readonly type: 'pause-broker'; readonly forMs: number }
  | { readonly type: 'kill-worker'; readonly name: string; readonly downMs: number }
  | { readonly type: 'pause-worker'; readonly name: string; readonly forMs: number }
  /** It leaves by itself, and comes back. */
  | { readonly type: 'bounce-worker'; readonly name: string; readonly downMs: number }

export interface Stroke {
  /** Since the begin of the minute. */
  readonly atMs: number
  readonly blow: Blow
}

const MINUTE_MS = 60_000
const blowsOfMinute: Readonly<Record<Blow['type'], number>> = {
  'kill-broker': 6,
  'pause-broker': 3,
  'kill-worker': 6,
  'pause-worker': 3,
  'bounce-worker': 3,
}

/** What happens in one minute: so many of each in an order, at times and to workers that the seed draws. */
export function strokesOfMinute(random: SeededRandom): Stroke[] {
  const types = Object.entries(blowsOfMinute).flatMap(([type, count]) => Array<Blow['type']>(count).fill(type as never))
  for (let i = types.length - 1; i > 0; i--) {
    const j = random.below(i + 1)
    const moved = types[i]
    types[i] = types[j]
    types[j] = moved
  }
  const slotMs = MINUTE_MS / types.length
  return types.map((type, i) => ({ atMs: Math.round(slotMs * (i + random.float() * 0.5)), blow: blowOf(type, random) }))
}

function blowOf(type: Blow['type'], random: SeededRandom): Blow {
  const pick = (among: readonly Part[]): string => among[random.below(among.length)].name
  const members = parts.filter(isMember)
  switch (type) {
    case 'kill-broker':
      return { type, downMs: Math.round(random.between(0, 1500)) }
    case 'pause-broker':
      // Now and then for longer than the sessions last.
      return { type, forMs: Math.round(random.chance(0.25) ? random.between(4000, 5500) : random.between(200, 2500)) }
    case 'kill-worker':
      return {
        type,
        name: pick(random.chance(0.2) ? parts.filter(isProducer) : members),
        downMs: Math.round(random.between(0, 3000)),
      }
    case 'pause-worker':
      // Long enough that somebody else takes over, and that its transaction is aborted.
      return { type, name: pick(members), forMs: Math.round(random.between(500, 9000)) }
    case 'bounce-worker':
      return { type, name: pick(members), downMs: Math.round(random.between(0, 1000)) }
  }
}
