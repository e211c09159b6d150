import type { Admin, ConfigEntry, KafkaError, TopicInfo } from '@ottla/client'
import type { Command } from 'commander'
import type { CommandContext, CommandModule } from '../../command.ts'
import { explain } from '../../errors.ts'
import { exitCodes } from '../../exit-codes.ts'
import { addHidden, addRefused } from '../../globals.ts'
import { addPartitionFilters, partitionFilterOf } from './partition-filters.ts'
import { addTopicAlias, topicsOf } from './shared.ts'

export const command: CommandModule = {
  completes: 'topics',

  configure(command: Command): void {
    command
      .argument('[topic...]', 'topics to describe; all if none is named')
      .option('--all-configs', 'settings that are at their default too')
    addTopicAlias(command)
    addPartitionFilters(command)
    addHidden(command, '--topics-with-overrides')
    addHidden(command, '--exclude-internal')
    addHidden(command, '--if-exists')
    addRefused(command, '--topic-id <id>', '--topic-id: topics are named by their names here')
    const perResponse = '--partition-size-limit-per-response'
    addRefused(command, `${perResponse} <n>`, `${perResponse}: partitions are not asked for in pages here`)
    command.addHelpText(
      'after',
      `
Only some partitions, as kafka-topics spells it: --under-replicated-partitions,
--unavailable-partitions, --under-min-isr-partitions, --at-min-isr-partitions.

Examples:
  ottla topic describe orders
  ottla topic describe orders -o yaml`,
    )
  },

  run,
}

async function run(context: CommandContext): Promise<number> {
  const { options, output } = context
  const filter = partitionFilterOf(context)
  const named = topicsOf(context)
  const { admin } = await context.kafka()
  const names = named.length > 0 ? named : (await admin.listTopics()).map((t) => t.name)
  if (names.length === 0 && process.stderr.isTTY) process.stderr.write('there are no topics\n')
  const described: unknown[] = []
  const errors: KafkaError[] = []
  for (const { name, topic, error } of await admin.describeTopics(names)) {
    if (error !== null) {
      if (options.ifExists && error.code === 'UNKNOWN_TOPIC_OR_PARTITION') continue
      errors.push(error)
      process.stderr.write(`ottla: ${explain(error).message}\n`)
      continue
    }
    if (topic === null || (options.excludeInternal && topic.isInternal)) continue
    const [{ entries }] = await admin.describeConfigs([{ type: 'topic', name }])
    if (options.topicsWithOverrides && entries.every((e) => e.source !== 'topic')) continue
    const settings = entries.filter((e) => options.allConfigs || e.source === 'topic')
    const minInSyncReplicas = Number(entries.find((e) => e.name === 'min.insync.replicas')?.value ?? 1)
    const partitions = topic.partitions
      .map((p) => ({ ...p, leader: p.leaderId < 0 ? null : p.leaderId }))
      .filter((p) => filter?.(p, minInSyncReplicas) ?? true)
    if (partitions.length === 0) continue
    const shown = await withOffsets(admin, name, partitions)
    if (output.format !== 'table') {
      const { topicId, isInternal } = topic
      const configs = Object.fromEntries(settings.map((e) => [e.name, e.value]))
      described.push({ name, topicId, isInternal, partitions: shown, configs })
      continue
    }
    if (described.length > 0) await output.line('')
    described.push(name)
    await print(context, topic, settings, shown)
  }
  if (output.format !== 'table') await output.data(described)
  if (errors.length === 0) return exitCodes.ok
  return errors.length === names.length ? explain(errors[0]).exitCode : exitCodes.partial
}

type Partition = TopicInfo['partitions'][number] & { readonly leader: number | null }
type ShownPartition = Awaited<ReturnType<typeof withOffsets>>[number]

/** Partitions without a leader are not asked for theirs: nobody could answer. */
async function withOffsets(admin: Admin, topic: string, partitions: readonly Partition[]) {
  const led = partitions.filter((p) => p.leader !== null)
  const [starts, ends] = await Promise.all(
    (['earliest', 'latest'] as const).map(async (spec) => {
      const results = await admin.listOffsets(led.map(({ partition }) => ({ topic, partition, spec })))
      return new Map(results.map(({ partition, found }) => [partition, found?.offset]))
    }),
  )
  return partitions.map(({ partition, leader, leaderEpoch, replicas, isr }) => ({
    partition,
    leader,
    leaderEpoch,
    replicas,
    isr,
    startOffset: starts.get(partition) ?? null,
    endOffset: ends.get(partition) ?? null,
  }))
}

async function print(
  { output, options }: CommandContext,
  { name, isInternal, topicId }: TopicInfo,
  settings: readonly ConfigEntry[],
  partitions: readonly ShownPartition[],
): Promise<void> {
  await output.line(`Topic ${name}${isInternal ? ' (internal)' : ''}, id ${topicId ?? '-'}`)
  if (settings.length > 0) {
    await output.line(`Settings: ${settings.map((e) => `${e.name}=${e.value ?? ''}`).join(', ')}`)
  }
  if (options.topicsWithOverrides) return
  await output.rows(partitions, [
    { title: 'partition', value: (p) => p.partition, align: 'right' },
    { title: 'leader', value: (p) => p.leader, align: 'right' },
    { title: 'replicas', value: (p) => p.replicas.join(',') },
    { title: 'isr', value: (p) => p.isr.join(',') },
    { title: 'start', value: (p) => p.startOffset, align: 'right' },
    { title: 'end', value: (p) => p.endOffset, align: 'right' },
  ])
}
