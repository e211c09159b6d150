import type { ConfigChange, ConfigResource } from '@ottla/client'
import type { Command } from 'commander'
import { type CommandContext, UsageError } from '../../command.ts'
import { addHidden, append } from '../../globals.ts'
import { report } from '../topic/shared.ts'

export const RESOURCES_HELP = `
What is configured is named by its kind and name: topic/orders, broker/1,
broker/ for the defaults of all brokers, group/billing. A name without a kind is
a topic.`

export function addResourceAliases(command: Command): void {
  // kafka-configs: --entity-type topics --entity-name orders
  addHidden(command, '--entity-type <type>')
  addHidden(command, '--entity-name <name>')
  addHidden(command, '--entity-default')
  addHidden(command, '--topic <name>', append)
  addHidden(command, '--broker <id>', append)
}

const kinds: Readonly<Record<string, ConfigResource['type']>> = {
  topic: 'topic',
  topics: 'topic',
  broker: 'broker',
  brokers: 'broker',
  group: 'group',
  groups: 'group',
  'client-metrics': 'client-metrics',
  'broker-logger': 'broker-logger',
  'broker-loggers': 'broker-logger',
}

export function parseResource(text: string): ConfigResource {
  const slash = text.indexOf('/')
  if (slash < 0) return { type: 'topic', name: text }
  const type = kinds[text.slice(0, slash)]
  if (type === undefined) throw new UsageError(`${JSON.stringify(text)} has an unknown kind: topic, broker, group, …`)
  return { type, name: text.slice(slash + 1) }
}

/** Resources named by the options of kafka-configs. */
export function aliasedResources(context: CommandContext): ConfigResource[] {
  const { entityType, entityName, entityDefault, topic, broker } = context.options
  const resources: ConfigResource[] = []
  for (const name of (topic as string[] | undefined) ?? []) resources.push({ type: 'topic', name })
  for (const name of (broker as string[] | undefined) ?? []) resources.push({ type: 'broker', name })
  if (entityType !== undefined) {
    if (entityName === undefined && !entityDefault) throw new UsageError('--entity-type needs --entity-name')
    resources.push(parseResource(`${entityType}/${entityName ?? ''}`))
  }
  return resources
}

/** Splits the arguments into what is configured and the rest: settings, or names of settings. */
export function oneResource(context: CommandContext): { resource: ConfigResource; rest: readonly string[] } {
  const [aliased] = aliasedResources(context)
  if (aliased !== undefined) return { resource: aliased, rest: context.args }
  if (context.args.length === 0) throw new UsageError('name what to configure, e.g. topic/orders')
  return { resource: parseResource(context.args[0]), rest: context.args.slice(1) }
}

export function label(resource: ConfigResource): string {
  return `${resource.type}/${resource.name}`
}

export async function change(
  context: CommandContext,
  resource: ConfigResource,
  changes: readonly ConfigChange[],
): Promise<number> {
  const { admin } = await context.kafka()
  const validateOnly = context.options.dryRun === true
  const results = await admin.alterConfigs([{ ...resource, changes }], { validateOnly })
  return report(context, results, (r) => (validateOnly ? `${label(r)} could be changed` : `changed ${label(r)}`))
}
