/**
 * Every error code of the protocol: code, name, what a client may do, meaning.
 *
 * `retry`: the same request may succeed later. `refresh`: likewise, after fetching metadata again. `fatal`: it will not
 * succeed by being repeated. Names and classes are those of Kafka's `org.apache.kafka.common.protocol.Errors`.
 */
const rows = [
  [-1, 'UNKNOWN_SERVER_ERROR', 'fatal', 'The broker failed in a way it did not expect.'],
  [0, 'NONE', 'fatal', 'No error.'],
  [1, 'OFFSET_OUT_OF_RANGE', 'fatal', "The offset lies below the log's start or above its end."],
  [
    2,
    'CORRUPT_MESSAGE',
    'retry',
    'The data fails its checksum or is malformed, or a record for a compacted topic has no key.',
  ],
  [3, 'UNKNOWN_TOPIC_OR_PARTITION', 'refresh', 'The broker has no such topic or partition.'],
  [4, 'INVALID_FETCH_SIZE', 'fatal', 'The number of bytes to fetch makes no sense.'],
  [5, 'LEADER_NOT_AVAILABLE', 'refresh', 'The partition has no leader at the moment.'],
  [6, 'NOT_LEADER_OR_FOLLOWER', 'refresh', 'The broker does not lead the partition, or holds no replica of it.'],
  [7, 'REQUEST_TIMED_OUT', 'retry', 'Not done within the time the request gave.'],
  [8, 'BROKER_NOT_AVAILABLE', 'fatal', 'The broker is not reachable.'],
  [9, 'REPLICA_NOT_AVAILABLE', 'refresh', 'The broker is not ready to serve its replica of the partition.'],
  [10, 'MESSAGE_TOO_LARGE', 'fatal', 'A record batch is larger than the topic allows.'],
  [11, 'STALE_CONTROLLER_EPOCH', 'fatal', 'The request comes from a controller that has been replaced.'],
  [
    12,
    'OFFSET_METADATA_TOO_LARGE',
    'fatal',
    'The metadata beside a committed offset is longer than the broker allows.',
  ],
  [13, 'NETWORK_EXCEPTION', 'refresh', 'The connection broke before the answer arrived. Seen at clients only.'],
  [14, 'COORDINATOR_LOAD_IN_PROGRESS', 'retry', 'The coordinator is still reading its state.'],
  [15, 'COORDINATOR_NOT_AVAILABLE', 'retry', 'No coordinator can be named at the moment.'],
  [16, 'NOT_COORDINATOR', 'retry', 'Another broker is the coordinator.'],
  [17, 'INVALID_TOPIC_EXCEPTION', 'fatal', 'The topic name is not legal, or the topic may not be used for this.'],
  [18, 'RECORD_LIST_TOO_LARGE', 'fatal', 'The batch would not fit into a segment.'],
  [19, 'NOT_ENOUGH_REPLICAS', 'retry', 'Too few replicas are in sync: nothing was written.'],
  [
    20,
    'NOT_ENOUGH_REPLICAS_AFTER_APPEND',
    'retry',
    'Written, but too few replicas were in sync when it was to be acknowledged.',
  ],
  [21, 'INVALID_REQUIRED_ACKS', 'fatal', '`acks` is none of 0, 1 and -1.'],
  [22, 'ILLEGAL_GENERATION', 'fatal', 'The member belongs to an earlier generation of the group.'],
  [
    23,
    'INCONSISTENT_GROUP_PROTOCOL',
    'fatal',
    'The member shares no protocol with the others of the group, or names none.',
  ],
  [24, 'INVALID_GROUP_ID', 'fatal', 'The group id is not legal.'],
  [25, 'UNKNOWN_MEMBER_ID', 'fatal', 'The coordinator does not know the member.'],
  [26, 'INVALID_SESSION_TIMEOUT', 'fatal', 'The session timeout lies outside the bounds set for groups.'],
  [27, 'REBALANCE_IN_PROGRESS', 'fatal', 'The group is changing: rejoin.'],
  [
    28,
    'INVALID_COMMIT_OFFSET_SIZE',
    'fatal',
    'Committing the offsets would exceed what the broker accepts in one piece.',
  ],
  [29, 'TOPIC_AUTHORIZATION_FAILED', 'fatal', 'Not allowed to use the topic.'],
  [30, 'GROUP_AUTHORIZATION_FAILED', 'fatal', 'Not allowed to use the group.'],
  [31, 'CLUSTER_AUTHORIZATION_FAILED', 'fatal', 'Not allowed to do this to the cluster.'],
  [32, 'INVALID_TIMESTAMP', 'fatal', "The timestamp is further from the broker's clock than the topic allows."],
  [33, 'UNSUPPORTED_SASL_MECHANISM', 'fatal', 'The broker offers no such SASL mechanism.'],
  [34, 'ILLEGAL_SASL_STATE', 'fatal', 'Not a request that may come at this point of authentication.'],
  [35, 'UNSUPPORTED_VERSION', 'fatal', 'The broker does not serve this version of the request.'],
  [36, 'TOPIC_ALREADY_EXISTS', 'fatal', 'The topic exists.'],
  [37, 'INVALID_PARTITIONS', 'fatal', 'The number of partitions is not legal.'],
  [38, 'INVALID_REPLICATION_FACTOR', 'fatal', 'The replication factor is not legal, or higher than there are brokers.'],
  [39, 'INVALID_REPLICA_ASSIGNMENT', 'fatal', 'The replica assignment is not legal.'],
  [40, 'INVALID_CONFIG', 'fatal', 'The configuration is not legal.'],
  [41, 'NOT_CONTROLLER', 'retry', 'Another broker is the controller.'],
  [42, 'INVALID_REQUEST', 'fatal', 'The request is malformed or contradicts itself.'],
  [43, 'UNSUPPORTED_FOR_MESSAGE_FORMAT', 'fatal', 'The stored message format cannot serve the request.'],
  [44, 'POLICY_VIOLATION', 'fatal', 'A policy of the cluster forbids it.'],
  [45, 'OUT_OF_ORDER_SEQUENCE_NUMBER', 'fatal', 'The sequence number does not follow the last one of its producer.'],
  [46, 'DUPLICATE_SEQUENCE_NUMBER', 'fatal', 'The sequence number was seen before and is too old to be compared.'],
  [47, 'INVALID_PRODUCER_EPOCH', 'fatal', 'The producer epoch is older than the current one.'],
  [48, 'INVALID_TXN_STATE', 'fatal', 'Not an operation for the state the transaction is in.'],
  [49, 'INVALID_PRODUCER_ID_MAPPING', 'fatal', 'The transactional id is bound to another producer id.'],
  [50, 'INVALID_TRANSACTION_TIMEOUT', 'fatal', "The transaction timeout is above the broker's maximum."],
  [51, 'CONCURRENT_TRANSACTIONS', 'retry', 'An earlier operation on the transaction is still under way.'],
  [
    52,
    'TRANSACTION_COORDINATOR_FENCED',
    'fatal',
    'The markers come from a transaction coordinator that has been replaced.',
  ],
  [53, 'TRANSACTIONAL_ID_AUTHORIZATION_FAILED', 'fatal', 'Not allowed to use the transactional id.'],
  [54, 'SECURITY_DISABLED', 'fatal', 'The broker runs without the security feature needed.'],
  [55, 'OPERATION_NOT_ATTEMPTED', 'fatal', 'Not tried, because another operation of the same request failed.'],
  [56, 'KAFKA_STORAGE_ERROR', 'refresh', 'A disk failed.'],
  [57, 'LOG_DIR_NOT_FOUND', 'fatal', 'The broker has no such log directory.'],
  [58, 'SASL_AUTHENTICATION_FAILED', 'fatal', 'The credentials were refused.'],
  [
    59,
    'UNKNOWN_PRODUCER_ID',
    'fatal',
    'The broker no longer knows the producer id, as when retention removed its records.',
  ],
  [60, 'REASSIGNMENT_IN_PROGRESS', 'fatal', 'The partition is being reassigned.'],
  [61, 'DELEGATION_TOKEN_AUTH_DISABLED', 'fatal', 'Delegation tokens are switched off.'],
  [62, 'DELEGATION_TOKEN_NOT_FOUND', 'fatal', 'No such delegation token.'],
  [
    63,
    'DELEGATION_TOKEN_OWNER_MISMATCH',
    'fatal',
    'The principal is neither owner nor renewer of the delegation token.',
  ],
  [
    64,
    'DELEGATION_TOKEN_REQUEST_NOT_ALLOWED',
    'fatal',
    'Delegation tokens cannot be asked for over a connection like this.',
  ],
  [65, 'DELEGATION_TOKEN_AUTHORIZATION_FAILED', 'fatal', 'Not allowed to use the delegation token.'],
  [66, 'DELEGATION_TOKEN_EXPIRED', 'fatal', 'The delegation token has expired.'],
  [67, 'INVALID_PRINCIPAL_TYPE', 'fatal', 'No such type of principal.'],
  [68, 'NON_EMPTY_GROUP', 'fatal', 'The group has members.'],
  [69, 'GROUP_ID_NOT_FOUND', 'fatal', 'No such group.'],
  [
    70,
    'FETCH_SESSION_ID_NOT_FOUND',
    'retry',
    'The broker does not know the fetch session, perhaps because it evicted it.',
  ],
  [71, 'INVALID_FETCH_SESSION_EPOCH', 'retry', 'The fetch session expected another epoch.'],
  [72, 'LISTENER_NOT_FOUND', 'refresh', 'The leader has no listener of the name the client uses.'],
  [73, 'TOPIC_DELETION_DISABLED', 'fatal', 'The cluster does not delete topics.'],
  [74, 'FENCED_LEADER_EPOCH', 'refresh', "The leader epoch of the request is behind the broker's."],
  [75, 'UNKNOWN_LEADER_EPOCH', 'retry', "The leader epoch of the request is ahead of the broker's."],
  [
    76,
    'UNSUPPORTED_COMPRESSION_TYPE',
    'fatal',
    "The batch's compression cannot be carried by this version of the request.",
  ],
  [77, 'STALE_BROKER_EPOCH', 'fatal', 'The broker has registered again since.'],
  [78, 'OFFSET_NOT_AVAILABLE', 'retry', 'The leader is new and does not know the high watermark yet.'],
  [79, 'MEMBER_ID_REQUIRED', 'fatal', 'Join again with the member id given.'],
  [80, 'PREFERRED_LEADER_NOT_AVAILABLE', 'refresh', 'The preferred leader cannot lead now.'],
  [81, 'GROUP_MAX_SIZE_REACHED', 'fatal', 'The group is full.'],
  [82, 'FENCED_INSTANCE_ID', 'fatal', 'Another member has taken over the instance id.'],
  [83, 'ELIGIBLE_LEADERS_NOT_AVAILABLE', 'refresh', 'No replica that may lead is available.'],
  [84, 'ELECTION_NOT_NEEDED', 'refresh', 'The partition has the leader it should have.'],
  [85, 'NO_REASSIGNMENT_IN_PROGRESS', 'fatal', 'The partition is not being reassigned.'],
  [86, 'GROUP_SUBSCRIBED_TO_TOPIC', 'fatal', 'The group still subscribes to the topic.'],
  [87, 'INVALID_RECORD', 'fatal', 'A record breaks a rule of the topic.'],
  [88, 'UNSTABLE_OFFSET_COMMIT', 'retry', 'An open transaction may still change the offsets.'],
  [89, 'THROTTLING_QUOTA_EXCEEDED', 'retry', 'A quota is used up.'],
  [90, 'PRODUCER_FENCED', 'fatal', 'A newer instance of the producer has taken over.'],
  [91, 'RESOURCE_NOT_FOUND', 'fatal', 'No such resource.'],
  [92, 'DUPLICATE_RESOURCE', 'fatal', 'The request names a resource twice.'],
  [93, 'UNACCEPTABLE_CREDENTIAL', 'fatal', 'The credential breaks a rule, as on its number of iterations.'],
  [94, 'INCONSISTENT_VOTER_SET', 'fatal', 'Sender or receiver is not among the voters the other knows.'],
  [95, 'INVALID_UPDATE_VERSION', 'fatal', 'The feature level is not legal.'],
  [96, 'FEATURE_UPDATE_FAILED', 'fatal', 'The feature level could not be set.'],
  [97, 'PRINCIPAL_DESERIALIZATION_FAILURE', 'fatal', 'The principal of a forwarded request cannot be read.'],
  [98, 'SNAPSHOT_NOT_FOUND', 'fatal', 'No such snapshot.'],
  [99, 'POSITION_OUT_OF_RANGE', 'fatal', 'The position lies outside the snapshot.'],
  [100, 'UNKNOWN_TOPIC_ID', 'refresh', 'The broker has no topic of this id.'],
  [101, 'DUPLICATE_BROKER_REGISTRATION', 'fatal', 'The broker id is in use.'],
  [102, 'BROKER_ID_NOT_REGISTERED', 'fatal', 'The broker id is not registered.'],
  [103, 'INCONSISTENT_TOPIC_ID', 'refresh', 'The topic id is not that of the log.'],
  [104, 'INCONSISTENT_CLUSTER_ID', 'fatal', 'The request is meant for another cluster.'],
  [105, 'TRANSACTIONAL_ID_NOT_FOUND', 'fatal', 'No such transactional id.'],
  [106, 'FETCH_SESSION_TOPIC_ID_ERROR', 'retry', 'The fetch session mixes requests with and without topic ids.'],
  [107, 'INELIGIBLE_REPLICA', 'fatal', 'A replica may not enter the in-sync replicas now.'],
  [108, 'NEW_LEADER_ELECTED', 'fatal', 'The change was made and led to another leader.'],
  [109, 'OFFSET_MOVED_TO_TIERED_STORAGE', 'fatal', 'The offset is no longer on local disk.'],
  [
    110,
    'FENCED_MEMBER_EPOCH',
    'fatal',
    'The member epoch is not valid any more: give up all partitions and join again.',
  ],
  [111, 'UNRELEASED_INSTANCE_ID', 'fatal', 'Another member still holds the instance id.'],
  [112, 'UNSUPPORTED_ASSIGNOR', 'fatal', 'The group cannot use this assignor.'],
  [113, 'STALE_MEMBER_EPOCH', 'fatal', 'The member epoch is behind: heartbeat first, then try again.'],
  [
    114,
    'MISMATCHED_ENDPOINT_TYPE',
    'fatal',
    'The request went to a broker but is for controllers, or the other way round.',
  ],
  [115, 'UNSUPPORTED_ENDPOINT_TYPE', 'fatal', 'The kind of endpoint is not known here.'],
  [116, 'UNKNOWN_CONTROLLER_ID', 'fatal', 'No such controller.'],
  [117, 'UNKNOWN_SUBSCRIPTION_ID', 'fatal', 'The telemetry subscription has changed.'],
  [118, 'TELEMETRY_TOO_LARGE', 'fatal', 'The telemetry is larger than the broker takes.'],
  [119, 'INVALID_REGISTRATION', 'fatal', "The controller refuses the broker's registration."],
  [120, 'TRANSACTION_ABORTABLE', 'fatal', 'The transaction must be aborted; the producer may then go on.'],
  [121, 'INVALID_RECORD_STATE', 'fatal', 'The record is in no state that allows this acknowledgement.'],
  [122, 'SHARE_SESSION_NOT_FOUND', 'retry', 'The broker does not know the share session.'],
  [123, 'INVALID_SHARE_SESSION_EPOCH', 'retry', 'The share session expected another epoch.'],
  [124, 'FENCED_STATE_EPOCH', 'fatal', "The state epoch is not the coordinator's."],
  [125, 'INVALID_VOTER_KEY', 'fatal', "The voter's directory id is not that of the receiver."],
  [126, 'DUPLICATE_VOTER', 'fatal', 'The voter is one already.'],
  [127, 'VOTER_NOT_FOUND', 'fatal', 'No such voter.'],
  [128, 'INVALID_REGULAR_EXPRESSION', 'fatal', 'The regular expression cannot be parsed.'],
  [129, 'REBOOTSTRAP_REQUIRED', 'fatal', 'Start over from the bootstrap list.'],
  [130, 'STREAMS_INVALID_TOPOLOGY', 'fatal', 'The topology is not legal.'],
  [131, 'STREAMS_INVALID_TOPOLOGY_EPOCH', 'fatal', 'The topology epoch is not legal.'],
  [132, 'STREAMS_TOPOLOGY_FENCED', 'fatal', 'The topology has been replaced by a newer one.'],
  [133, 'SHARE_SESSION_LIMIT_REACHED', 'retry', 'The broker has as many share sessions as it may have.'],
  [134, 'GROUP_DELETION_FAILED', 'fatal', 'A group could not be deleted; its message says why.'],
  [
    135,
    'STREAMS_TOPOLOGY_DESCRIPTION_UPDATE_FAILED',
    'fatal',
    'The description of the topology was not taken; the message says why.',
  ],
  [136, 'CONTROLLER_ID_NOT_REGISTERED', 'fatal', 'The controller id is not registered.'],
] as const

type Row = (typeof rows)[number]

export type ErrorName = Row[1]

export interface ErrorInfo {
  readonly code: number
  readonly name: ErrorName
  /** The same request may succeed later. */
  readonly retriable: boolean
  /** Retriable, but only after fetching metadata again. */
  readonly refreshMetadata: boolean
  readonly description: string
}

/** Codes by name: `ErrorCode.NOT_LEADER_OR_FOLLOWER` is 6. */
export const ErrorCode = Object.freeze(Object.fromEntries(rows.map(([code, name]) => [name, code]))) as {
  readonly [R in Row as R[1]]: R[0]
}

export type ErrorCode = Row[0]

const infos: readonly ErrorInfo[] = rows.map(([code, name, action, description]) => ({
  code,
  name,
  retriable: action !== 'fatal',
  refreshMetadata: action === 'refresh',
  description,
}))

/** Undefined for a code the protocol does not have. */
export function errorInfo(code: number): ErrorInfo | undefined {
  return infos[code + 1]
}

/** `UNKNOWN_TOPIC_OR_PARTITION` for 3; `ERROR_137` for a code the protocol does not have. */
export function errorName(code: number): string {
  return infos[code + 1]?.name ?? `ERROR_${code}`
}

/** False for codes the protocol does not have. */
export function isRetriable(code: number): boolean {
  return infos[code + 1]?.retriable === true
}
