import type { Message } from '@ottla/protocol'
import { type CanonicalMessage, canonicalMessage } from './canonical.ts'
import { canonicalKafkaMessage, includes, type KafkaMessage, parseRange, type Range } from './kafka-messages.ts'

export interface Release {
  readonly version: string
  readonly messages: ReadonlyMap<string, KafkaMessage>
}

export interface Result {
  passed: number
  /** One line each. */
  readonly drift: string[]
  /** What was left out on purpose, one line each. */
  readonly leftOut: string[]
}

/**
 * APIs of the KRaft controllers, which we are not: no definition. Their appearance here is the decision; a message that
 * is neither here nor defined counts as drift.
 */
const notOurs = new Set(
  [
    'AddRaftVoter',
    'AssignReplicasToDirs',
    'BeginQuorumEpoch',
    'BrokerHeartbeat',
    'BrokerRegistration',
    'ControllerRegistration',
    'EndQuorumEpoch',
    'Envelope',
    'FetchSnapshot',
    'RemoveRaftVoter',
    'UnregisterController',
    'UpdateRaftVoter',
    'Vote',
  ].flatMap((name) => [`${name}Request`, `${name}Response`]),
)

/** Records of share groups, as 3.9 had them before they were released and changed. */
const unreleased: Readonly<Record<string, RegExp>> = { '3.9.2': /^ShareGroup\w+(Key|Value)$/ }

/** Versions we do not define, because serving them would mean converting to message formats that are gone. */
const dropped: Readonly<Record<string, Range>> = {
  FetchRequest: { min: 0, max: 3 },
  FetchResponse: { min: 0, max: 3 },
}

/** Where the newest release has given another name to what stayed the same on the wire. */
const renamedMessages: Readonly<Record<string, string>> = {
  ListClientMetricsResourcesRequest: 'ListConfigResourcesRequest',
  ListClientMetricsResourcesResponse: 'ListConfigResourcesResponse',
}
const renamedFields: Readonly<Record<string, string>> = {
  'ListConfigResourcesResponse clientMetricsResources': 'configResources',
  'ListConfigResourcesResponse clientMetricsResources.name': 'configResources.resourceName',
  'TxnOffsetCommitRequest generationId': 'generationIdOrMemberEpoch',
}

/**
 * Compares our messages with those of the releases, oldest first. Everything that shows on the wire must agree with each
 * release; what is only said about a field (ignorable, entity, map key) must agree with the newest that has it.
 */
export function compare(ours: readonly Message[], releases: readonly Release[]): Result {
  const result: Result = { passed: 0, drift: [], leftOut: [] }
  const byName = new Map(ours.map((message) => [message.name, message]))
  const newest = releases[releases.length - 1]
  const seen = new Map<string, Set<number>>()
  for (const release of releases) {
    for (const kafka of release.messages.values()) {
      if (notOurs.has(kafka.name) || kafka.type === 'header') continue
      if (unreleased[release.version]?.test(kafka.name)) {
        result.leftOut.push(`${release.version} ${kafka.name}: not released in it`)
        continue
      }
      const range = parseRange(kafka.validVersions)
      if (range.max < range.min) continue
      const name = renamedMessages[kafka.name] ?? kafka.name
      const message = byName.get(name)
      if (message === undefined) {
        result.drift.push(`${release.version} ${kafka.name}: not defined`)
        continue
      }
      const versions = seen.get(name) ?? new Set()
      seen.set(name, versions)
      compareMessage(result, message, kafka, release, newest, range, versions)
    }
  }
  for (const message of ours) compareVersions(result, message, newest, seen.get(message.name))
  return result
}

function compareMessage(
  result: Result,
  message: Message,
  kafka: KafkaMessage,
  release: Release,
  newest: Release,
  range: Range,
  seen: Set<number>,
): void {
  const label = `${release.version} ${kafka.name}`
  const request = release.messages.get(kafka.name.replace(/Response$/, 'Request'))
  const apiKey = kafka.apiKey ?? (kafka.type === 'data' ? message.key : -1)
  if (apiKey !== message.key) result.drift.push(`${label}: key ${apiKey}, ours ${message.key}`)
  // Before 4.0 the keys of coordinator records had their record type for a version.
  const typeIsVersion = message.kind === 'data' && message.name.endsWith('Key') && range.min > message.versions.max
  for (let version = range.min; version <= range.max; version++) {
    if (dropped[kafka.name] !== undefined && includes(dropped[kafka.name], version)) {
      result.leftOut.push(`${label} version ${version}: needs a message format that is gone`)
      continue
    }
    if (request?.latestVersionUnstable === true && release !== newest && version === range.max) {
      result.leftOut.push(`${label} version ${version}: not stable in this release`)
      continue
    }
    if (kafka.name === 'OffsetCommitKey' && version === 0 && release !== newest) {
      result.leftOut.push(`${label} version ${version}: named LegacyOffsetCommitKey since`)
      continue
    }
    const ourVersion = typeIsVersion || (kafka.name === 'OffsetCommitKey' && release !== newest) ? 0 : version
    if (!includes(message.versions, ourVersion)) {
      result.drift.push(`${label} version ${version}: not defined`)
      continue
    }
    if (typeIsVersion && version !== message.key) result.drift.push(`${label}: record type ${version}`)
    seen.add(ourVersion)
    const theirs = canonicalKafkaMessage(kafka, version, (path) => renamedFields[`${message.name} ${path}`] ?? path)
    const differences = compareFields(canonicalMessage(message, ourVersion), theirs, release === newest, (path) =>
      newestHas(newest, message, path),
    )
    if (differences.length === 0) result.passed++
    for (const difference of differences) result.drift.push(`${label} version ${version}: ${difference}`)
  }
}

function newestHas(newest: Release, message: Message, path: string): boolean {
  const kafka = newest.messages.get(message.name)
  const { min, max } = parseRange(kafka?.validVersions)
  for (let version = min; version <= max; version++) {
    const { fields } = canonicalKafkaMessage(kafka!, version, (same) => same)
    if (fields.some((field) => field.path === path)) return true
  }
  return false
}

function compareFields(
  ours: CanonicalMessage,
  theirs: CanonicalMessage,
  isNewest: boolean,
  inNewest: (path: string) => boolean,
): string[] {
  const differences: string[] = []
  if (ours.flexible !== theirs.flexible) differences.push(`flexible ${theirs.flexible}, ours ${ours.flexible}`)
  const left = [...ours.fields]
  for (const field of theirs.fields) {
    let own = left.shift()
    // A tagged field may be added to a version that exists.
    while (own !== undefined && own.path !== field.path && !isNewest && own.wire.includes('#') && inNewest(own.path)) {
      const { path } = own
      do own = left.shift()
      while (own?.path.startsWith(`${path}.`))
    }
    if (own === undefined) {
      differences.push(`${field.path} ${field.wire}, ours has no such field`)
      continue
    }
    const path = own.path === field.path ? field.path : `${field.path} (ours ${own.path})`
    if (own.path !== field.path || own.wire !== field.wire) {
      differences.push(`${path}: ${field.wire}, ours ${own.wire}`)
    } else if ((isNewest || !inNewest(field.path)) && own.notes !== field.notes) {
      differences.push(`${path}: '${field.notes}', ours '${own.notes}'`)
    }
  }
  for (const own of left) {
    const base = own.path.split('.')
    const added = base.some((_, i) => {
      const path = base.slice(0, i + 1).join('.')
      return ours.fields.some((field) => field.path === path && field.wire.includes('#')) && inNewest(path)
    })
    if (isNewest || !added) differences.push(`${own.path}: not in Kafka's`)
  }
  return differences
}

/** Each version of ours must have been met, and the newest release must think the same of the highest one. */
function compareVersions(result: Result, message: Message, newest: Release, seen: Set<number> | undefined): void {
  for (let version = message.versions.min; version <= message.versions.max; version++) {
    if (!seen?.has(version)) result.drift.push(`${message.name} version ${version}: in no release`)
  }
  if (message.kind !== 'request') return
  const unstable = newest.messages.get(message.name)?.latestVersionUnstable === true
  if (unstable !== message.latestVersionUnstable) {
    result.drift.push(`${message.name}: highest version unstable ${unstable}, ours ${message.latestVersionUnstable}`)
  }
}

/** The two headers, which are written by hand (`frame.ts`), are what they were when that was done. */
export function compareHeaders(result: Result, release: Release): void {
  const expected: Readonly<Record<string, readonly string[]>> = {
    RequestHeader: [
      'requestApiKey int16=0',
      'requestApiVersion int16=0',
      'correlationId int32=0',
      'clientId string?=""',
    ],
    ResponseHeader: ['correlationId int32=0'],
  }
  for (const [name, fields] of Object.entries(expected)) {
    const kafka = release.messages.get(name)
    const { min, max } = parseRange(kafka?.validVersions)
    for (let version = min; version <= max; version++) {
      const header = canonicalKafkaMessage(kafka!, version, (path) => path)
      const has = header.fields.map((field) => `${field.path} ${field.wire}`).join(', ')
      const wanted = fields.slice(0, name === 'RequestHeader' && version === 0 ? 3 : undefined).join(', ')
      const flexible = version >= fields.length - 2 + (name === 'ResponseHeader' ? 2 : 0)
      if (has === wanted && header.flexible === flexible) result.passed++
      else result.drift.push(`${release.version} ${name} version ${version}: ${has}`)
    }
  }
}
