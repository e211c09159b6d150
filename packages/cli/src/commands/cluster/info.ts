import type { Command } from 'commander'
import type { CommandContext, CommandModule } from '../../command.ts'
import { formatNumber } from '../../output/progress.ts'

export const command: CommandModule = {
  configure(command: Command): void {
    command.addHelpText('after', '\nExamples:\n  ottla cluster info\n  ottla cluster info -b broker-1:9092 -o json')
  },

  async run(context: CommandContext): Promise<undefined> {
    const { admin } = await context.kafka()
    const [cluster, topics] = await Promise.all([admin.describeCluster(), admin.listTopics({ internal: true })])
    const counts = { topics: topics.length, partitions: topics.reduce((sum, t) => sum + t.partitions, 0) }
    if (context.output.format !== 'table') {
      await context.output.data({ ...cluster, ...counts })
      return
    }
    const has = `${formatNumber(counts.topics, 'topic')}, ${formatNumber(counts.partitions, 'partition')}`
    await context.output.line(`Cluster ${cluster.clusterId ?? '-'}: ${has}`)
    await context.output.rows(cluster.brokers, [
      { title: 'broker', value: (b) => b.id, align: 'right' },
      { title: 'address', value: (b) => `${b.host}:${b.port}` },
      { title: 'rack', value: (b) => b.rack },
      { title: 'controller', value: (b) => (b.id === cluster.controllerId ? 'yes' : '') },
    ])
  },
}
