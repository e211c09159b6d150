import type { Admin, ConfigResource } from '@ottla/client'
import type { Command } from 'commander'
import type { CommandContext, CommandModule } from '../../command.ts'
import { UsageError } from '../../command.ts'
import { explain } from '../../errors.ts'
import { exitCodes } from '../../exit-codes.ts'
import { addHidden } from '../../globals.ts'
import {
  addResourceAliases,
  aliasedResources,
  kindWithoutName,
  label,
  parseResource,
  RESOURCES_HELP,
} from './shared.ts'

export const command: CommandModule = {
  completes: 'topics',

  configure(command: Command): void {
    command
      .argument('[resource...]', 'what to show, e.g. topic/orders or broker/1')
      .option('-a, --all', 'values at their default too')
      .option('--doc', "the broker's explanation of each")
    addResourceAliases(command)
    addHidden(command, '--describe')
    command.addHelpText('after', `${RESOURCES_HELP}\n\nExamples:\n  ottla config describe topic/orders --all`)
  },

  async run(context: CommandContext): Promise<number> {
    const { admin } = await context.kafka()
    const resources = context.args.map(parseResource)
    const kind = kindWithoutName(context.options)
    resources.push(...(kind === null ? aliasedResources(context) : await allOf(admin, kind)))
    if (resources.length === 0) {
      if (kind === 'topic') return exitCodes.ok
      throw new UsageError('name what to show, e.g. topic/orders or broker/1')
    }
    const described = await admin.describeConfigs(resources, {
      synonyms: true,
      documentation: context.options.doc === true,
    })
    const rows = described.flatMap((d) =>
      d.entries
        .filter((e) => context.options.all || e.source !== 'default')
        .map((e) => ({
          resource: label(d),
          name: e.name,
          value: e.value,
          source: e.source,
          isReadOnly: e.isReadOnly,
          isSensitive: e.isSensitive,
          ...(e.documentation === null ? {} : { documentation: e.documentation }),
        })),
    )
    const several = resources.length > 1
    if (rows.length === 0 && context.output.format === 'table') {
      const right = described.filter((d) => d.error === null).map(label)
      if (right.length > 0) await context.output.line(`${right.join(', ')}: all at the defaults; --all shows them`)
    } else
      await context.output.rows(rows, [
        ...(several ? [{ title: 'resource', value: (r: (typeof rows)[number]) => r.resource }] : []),
        { title: 'name', value: (r) => r.name },
        { title: 'value', value: (r) => (r.isSensitive ? '(hidden)' : r.value) },
        { title: 'source', value: (r) => r.source },
        ...(context.options.doc ? [{ title: 'doc', value: (r: (typeof rows)[number]) => r.documentation }] : []),
      ])
    const failed = described.filter((d) => d.error !== null)
    for (const { error } of failed) process.stderr.write(`ottla: ${explain(error).message}\n`)
    if (failed.length === 0) return exitCodes.ok
    return failed.length === described.length ? explain(failed[0].error).exitCode : exitCodes.partial
  },
}

/** As kafka-configs has it where no name is given. */
async function allOf(admin: Admin, kind: ConfigResource['type']): Promise<ConfigResource[]> {
  switch (kind) {
    case 'topic':
      return (await admin.listTopics({ internal: true })).map(({ name }) => ({ type: 'topic', name }))
    case 'broker': {
      const { brokers } = await admin.describeCluster()
      return [...brokers.map(({ id }) => `${id}`), ''].map((name) => ({ type: 'broker', name }))
    }
    default:
      throw new UsageError(`name the ${kind} with --entity-name`)
  }
}
