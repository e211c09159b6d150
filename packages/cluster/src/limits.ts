/** Bytes of data in one node: ZooKeeper's default `jute.maxbuffer`, so that what fits here fits there. */
export const znodeDataBytesMax = 1_048_575
/** Bytes of paths and data in one multi of the embedded store: about 100,000 partitions made at once. */
export const embeddedMultiBytesMax = 32 * 1024 * 1024
/** Requests waiting in an embedded store while a change is being made durable; more are refused with `systemError`. */
export const embeddedQueueLengthMax = 100_000
/** Bytes of changes carried out in one turn and made durable by one write and one sync; one larger multi goes alone. */
export const embeddedBatchBytesMax = 512 * 1024
/** The journal is replaced by a snapshot once it is larger than this and than twice the last snapshot. */
export const embeddedJournalBytesMin = 4 * 1024 * 1024
/** Reads under way at once while the topics are loaded. */
export const loadRequestsInFlightMax = 1_000
/** Attempts of one compare-and-set before it is answered as a conflict; each failed one means another's success. */
export const compareAndSetAttemptsMax = 64
/** Notifications of changed configs are removed when they are older: Kafka's `changeExpirationMs`. */
export const configChangeExpirationMs = 15 * 60 * 1000
/** Producer ids handed out at once: Kafka's `PRODUCER_ID_BLOCK_SIZE`. */
export const producerIdBlockSize = 1_000
