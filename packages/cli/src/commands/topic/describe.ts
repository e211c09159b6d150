import type { KafkaError } from '@ottla/client'
import type { Command } from 'commander'
import type { CommandContext, CommandModule } from '../../command.ts'
import { explain } from '../../errors.ts'
import { exitCodes } from '../../exit-codes.ts'
import { addTopicAlias, topicsOf } from './shared.ts'

export const command: CommandModule = {
  completes: 'topics',

  configure(command: Command): void {
    command
      .argument('[topic...]', 'topics to describe; all if none is named')
      .option('--all-configs', 'settings that are at their default too')
    addTopicAlias(command)
    command.addHelpText('after', '\nExamples:\n  ottla topic describe orders\n  ottla topic describe orders -o yaml')
  },

  async run(context: CommandContext): Promise<number> {
    const named = topicsOf(context)
    const kafka = await context.kafka()
    const names = named.length > 0 ? named : (await kafka.admin.listTopics()).map((t) => t.name)
    const topics = await kafka.admin.describeTopics(names)
    const described: unknown[] = []
    const errors: (KafkaError | null)[] = []
    for (const { name, topic, error } of topics) {
      if (topic === null) {
        errors.push(error)
        process.stderr.write(`ottla: ${error === null ? name : explain(error).message}\n`)
        continue
      }
      const numbers = topic.partitions.map((p) => p.partition)
      const [starts, ends, configs] = await Promise.all([
        kafka.admin.listOffsets(numbers.map((partition) => ({ topic: name, partition, spec: 'earliest' }))),
        kafka.admin.listOffsets(numbers.map((partition) => ({ topic: name, partition, spec: 'latest' }))),
        kafka.admin.describeConfigs([{ type: 'topic', name }]),
      ])
      const settings = configs[0].entries.filter((e) => context.options.allConfigs || e.source === 'topic')
      const partitions = topic.partitions.map((p, i) => ({
        partition: p.partition,
        leader: p.leaderId < 0 ? null : p.leaderId,
        leaderEpoch: p.leaderEpoch,
        replicas: p.replicas,
        isr: p.isr,
        startOffset: starts[i].found?.offset ?? null,
        endOffset: ends[i].found?.offset ?? null,
      }))
      if (context.output.format !== 'table') {
        described.push({
          name,
          topicId: topic.topicId,
          isInternal: topic.isInternal,
          partitions,
          configs: Object.fromEntries(settings.map((e) => [e.name, e.value])),
        })
        continue
      }
      if (described.length > 0) await context.output.line('')
      described.push(name)
      await context.output.line(`Topic ${name}${topic.isInternal ? ' (internal)' : ''}, id ${topic.topicId ?? '-'}`)
      if (settings.length > 0) {
        await context.output.line(`Settings: ${settings.map((e) => `${e.name}=${e.value ?? ''}`).join(', ')}`)
      }
      await context.output.rows(partitions, [
        { title: 'partition', value: (p) => p.partition, align: 'right' },
        { title: 'leader', value: (p) => p.leader, align: 'right' },
        { title: 'replicas', value: (p) => p.replicas.join(',') },
        { title: 'isr', value: (p) => p.isr.join(',') },
        { title: 'start', value: (p) => p.startOffset, align: 'right' },
        { title: 'end', value: (p) => p.endOffset, align: 'right' },
      ])
    }
    if (context.output.format !== 'table') await context.output.data(described)
    if (errors.length === 0) return exitCodes.ok
    return errors.length === names.length ? explain(errors[0]).exitCode : exitCodes.partial
  },
}
