/**
 * What the runner and a client's program say to each other: one JSON object a line, requests on the program's standard
 * input, answers on its standard output. README.md describes it for the programs in other languages.
 */

/** A value is text, null, or `bytes` bytes of which the i-th is i modulo 251. */
export type Content = string | null | { bytes: number }

export interface ProducedRecord {
  key: string | null
  value: Content
  headers?: [string, string | null][]
  timestamp?: number
}

export interface ConsumedRecord {
  offset: number
  timestamp: number
  key: string | null
  /** Values above 4096 bytes come as their size and SHA-256 in hexadecimal. */
  value: string | null | { bytes: number; sha256: string }
  headers: [string, string | null][]
}

export const codecs = ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const
export type Codec = (typeof codecs)[number]

export interface ProduceRequest {
  op: 'produce'
  topic: string
  partition: number
  codec: Codec
  acks: 0 | 1 | -1
  idempotent: boolean
  records: ProducedRecord[]
  /** Sent after the program has said `{"event":"sent"}` and was told to continue. */
  then?: ProducedRecord[]
}

export interface ConsumeRequest {
  op: 'consume'
  topic: string
  partition: number
  offset: number
  count: number
}

export interface OffsetsRequest {
  op: 'offsets'
  topic: string
  partition: number
  /** −2 asks for the first offset, −1 for the end, anything else for the first record at or after that time. */
  at: number[]
}

/** Makes the program a member of a group, until `leave` or its end; one at a time. */
export interface JoinRequest {
  op: 'join'
  group: string
  topics: string[]
  /** Instead of `topics`, a regular expression that the names match whole. */
  pattern: string | null
  /** `consumer` is KIP-848, where the broker assigns. */
  protocol: 'classic' | 'consumer'
  /** Of the classic protocol only: range, or what the client has instead; or cooperative-sticky. */
  assignor: 'eager' | 'cooperative'
  instanceId: string | null
  sessionTimeoutMs: number
  /** How often the client commits by itself, which it then does on `leave` too; null: only when it is asked to. */
  autoCommitMs: number | null
  isolation: 'read_committed' | 'read_uncommitted'
  /** At most so many records come from one `poll`. */
  maxPollRecords: number
  /** The transactional id with which `transact` will write what this member read; null where it will not. */
  transactionalId: string | null
}

export interface CommitRequest {
  op: 'commit'
  /** Null: all that was polled. */
  offsets: PartitionOffset[] | null
  /** Sends the commit, and answers when the client calls back. */
  async: boolean
}

/** Writes in a transaction. One that was left open goes on, if it has the same id. */
export interface TransactRequest {
  op: 'transact'
  transactionalId: string
  records: { topic: string; partition: number; value: string }[]
  /** Commits in the transaction what this program polled as a member. */
  offsets: boolean
  end: 'commit' | 'abort' | 'open'
}

export interface PartitionOffset {
  topic: string
  partition: number
  offset: number
}

export interface PolledRecord extends PartitionOffset {
  value: string | null
}

export type Request =
  | ProduceRequest
  | ConsumeRequest
  | OffsetsRequest
  | JoinRequest
  | { op: 'poll' }
  | CommitRequest
  | { op: 'leave' }
  | TransactRequest
  | { op: 'createTopic'; topic: string; partitions: number; configs: Record<string, string> }
  | { op: 'deleteTopic'; topic: string }
  | { op: 'listTopics' }
  | { op: 'describeTopic'; topic: string }
  | { op: 'createPartitions'; topic: string; total: number }
  | { op: 'describeConfigs'; topic: string; names: string[] }
  | { op: 'alterConfigs'; topic: string; set: Record<string, string> }

export type Op = Request['op']

export interface Answers {
  /** Null where acks=0 gives none. */
  produce: { offsets: (number | null)[] }
  consume: { records: ConsumedRecord[] }
  /** −1 where there is no such record. */
  offsets: { offsets: number[] }
  join: Record<never, never>
  /** What came within about 100 ms; `lost` and `rebalances` (calls about assignments) since the member joined. */
  poll: { assigned: string[]; lost: string[]; rebalances: number; records: PolledRecord[] }
  commit: Record<never, never>
  leave: Record<never, never>
  transact: Record<never, never>
  createTopic: Record<never, never>
  deleteTopic: Record<never, never>
  listTopics: { topics: string[] }
  describeTopic: { partitions: number }
  createPartitions: Record<never, never>
  describeConfigs: { configs: Record<string, string> }
  alterConfigs: Record<never, never>
}

/** What a program answers when its client has no such function; the reason stands in the table. */
export class Unsupported extends Error {}
