import type { ConsumerBatch, GroupConsumer, TopicPartition } from '@ottla/client'
import { type CommandContext, UsageError } from '../command.ts'
import { formatRecords, Progress } from '../output/progress.ts'
import { isPiped } from '../output/terminal.ts'
import { formatTopicPartitions } from '../partition-list.ts'
import { RecordWriter } from '../records/record-writer.ts'

export const COMMIT_WAYS = ['auto', 'after', 'before', 'none'] as const
export const ISOLATIONS = ['read_uncommitted', 'read_committed'] as const
export const PROTOCOLS = ['classic', 'consumer'] as const

/** Between two commits of what was printed, in ms, unless a property says otherwise. */
const AUTO_COMMIT_MS = 5000

type CommitWay = (typeof COMMIT_WAYS)[number]

/** Reads as a member of a group, until Ctrl-C or `-n`. */
export async function consumeInGroup(
  context: CommandContext,
  group: string,
  subscription: { readonly topics: readonly string[] } | { readonly pattern: string },
): Promise<undefined> {
  const { options, signal } = context
  refuseOfPartitions(context)
  const max = (options.max ?? options.maxMessages ?? Number.POSITIVE_INFINITY) as number
  const writer = new RecordWriter(context, 'topics' in subscription ? subscription.topics : [])
  if (writer.asksForBounds) throw new UsageError('-f: %[, %| and %] are not known of partitions that come and go')
  const { groupConsumerOptionsFrom } = await import('@ottla/client')
  const kafka = await context.kafka()
  const { from, autoCommit, autoCommitIntervalMs, ...fromProperties } = groupConsumerOptionsFrom(
    context.globals.properties,
  )
  const said = {
    isolation: options.isolation,
    instanceId: options.instanceId,
    groupProtocol: options.protocol,
  }
  const consumer: GroupConsumer = kafka.consumer({
    ...fromProperties,
    ...Object.fromEntries(Object.entries(said).filter(([, value]) => value !== undefined)),
    ...subscription,
    group,
    from: startOf(context) ?? from ?? 'earliest',
    // What is printed is known here, down to the record that -n ends with.
    autoCommit: false,
    onAssigned: (partitions) => tell('reads', partitions),
    onRevoked: async (partitions) => {
      await commits.flush()
      commits.forget(partitions)
      tell('gives up', partitions)
    },
    onLost: (partitions) => {
      commits.forget(partitions)
      tell('has lost', partitions)
    },
  })
  const way = (options.commit as CommitWay | undefined) ?? (autoCommit === false ? 'none' : 'auto')
  const commits = new PrintedOffsets(consumer, way, autoCommitIntervalMs ?? AUTO_COMMIT_MS)
  const onAbort = () => void consumer.close()
  signal.addEventListener('abort', onAbort, { once: true })
  const progress = new Progress(
    'read',
    max === Number.POSITIVE_INFINITY ? null : max,
    process.stdout.isTTY || isPiped(),
  )
  await writer.begin()
  let count = 0
  try {
    for await (const batch of consumer.batches()) {
      const room = max - count
      if (await commits.before(batch, room)) {
        count = await writer.batch(batch, count, max)
        await commits.after(batch, room)
      }
      progress.update(count)
      if (count >= max || signal.aborted) break
    }
  } finally {
    signal.removeEventListener('abort', onAbort)
    progress.end()
    commits.stop()
  }
  await writer.end(count)
  if (process.stderr.isTTY && !process.stdout.isTTY) process.stderr.write(`${formatRecords(count)} read\n`)
  return undefined
}

function refuseOfPartitions({ options }: CommandContext): void {
  if (options.partition !== undefined) throw new UsageError('-p: a group shares the partitions out by itself')
  startOfText(options)
}

function startOfText(options: CommandContext['options']): 'earliest' | 'latest' | null {
  if (options.fromBeginning) return 'earliest'
  switch (options.offset) {
    case 'start':
      return 'earliest'
    case 'end':
      return 'latest'
    default:
      throw new UsageError('--offset is start or end in a group; `ottla group seek` moves it elsewhere')
  }
}

function startOf({ options, globals }: CommandContext): 'earliest' | 'latest' | null {
  const said = startOfText(options)
  // The standard place gives way to a property that says another one.
  return said === 'earliest' && !options.fromBeginning && globals.properties.has('auto.offset.reset') ? null : said
}

/** What a person wants to know while nothing comes. */
function tell(what: string, partitions: readonly TopicPartition[]): void {
  if (process.stderr.isTTY) process.stderr.write(`${what} ${formatTopicPartitions(partitions)}\n`)
}

/** The group has gone on without this member: what it has read comes again at whoever has the partition now. */
const GONE_ON: readonly unknown[] = [
  'REBALANCE_IN_PROGRESS',
  'ILLEGAL_GENERATION',
  'UNKNOWN_MEMBER_ID',
  'STALE_MEMBER_EPOCH',
]

/** The offsets behind what was printed, and when the group gets them. */
class PrintedOffsets {
  private readonly consumer: GroupConsumer
  private readonly way: CommitWay
  private readonly pending = new Map<string, TopicPartition & { readonly offset: number }>()
  private readonly timer: NodeJS.Timeout | undefined
  /** Of a commit that nobody waited for. */
  private failure: unknown = null

  constructor(consumer: GroupConsumer, way: CommitWay, autoCommitMs: number) {
    this.consumer = consumer
    this.way = way
    if (way !== 'auto') return
    this.timer = setInterval(() => {
      this.flush().catch((error: unknown) => {
        this.failure ??= error
      })
    }, autoCommitMs)
  }

  /** False: the batch, of which `room` records may be printed, is not to be printed. */
  async before(batch: ConsumerBatch, room: number): Promise<boolean> {
    if (this.failure !== null) throw this.failure
    if (this.way !== 'before') return true
    this.add(batch, room)
    return this.flush()
  }

  async after(batch: ConsumerBatch, room: number): Promise<void> {
    if (this.way !== 'auto' && this.way !== 'after') return
    this.add(batch, room)
    if (this.way === 'after') await this.flush()
  }

  /** False when the group has gone on without this member. */
  async flush(): Promise<boolean> {
    const offsets = [...this.pending.values()]
    this.pending.clear()
    if (offsets.length === 0) return true
    try {
      await this.consumer.commit(offsets)
      return true
    } catch (error) {
      if (!GONE_ON.includes((error as { code?: unknown }).code)) throw error
      process.stderr.write(`ottla: not committed: ${(error as Error).message} These records come again.\n`)
      return false
    }
  }

  forget(partitions: readonly TopicPartition[]): void {
    for (const { topic, partition } of partitions) this.pending.delete(`${topic}-${partition}`)
  }

  stop(): void {
    clearInterval(this.timer)
  }

  private add(batch: ConsumerBatch, room: number): void {
    const { topic, partition } = batch
    this.pending.set(`${topic}-${partition}`, { topic, partition, offset: offsetBehind(batch, room) })
  }
}

/** Where reading goes on after so many records of the batch, or after all of them. */
function offsetBehind(batch: ConsumerBatch, records: number): number {
  if (records === Number.POSITIVE_INFINITY) return batch.lastOffset + 1
  let count = 0
  for (const { offset } of batch) {
    count += 1
    if (count === records) return offset + 1
  }
  return batch.lastOffset + 1
}
