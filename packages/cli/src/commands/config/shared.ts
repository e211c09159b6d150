import type { ConfigChange, ConfigResource } from '@ottla/client'
import type { Command } from 'commander'
import { type CommandContext, UsageError } from '../../command.ts'
import { addHidden, addRefused, append } from '../../globals.ts'
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
  addHidden(command, '--broker-defaults')
  addHidden(command, '--broker-logger <id>', append)
  addHidden(command, '--group <name>', append)
  addHidden(command, '--client-metrics <name>', append)
  for (const kind of ['user', 'client', 'ip']) {
    addRefused(command, `--${kind} <name>`, QUOTAS_SENTENCE)
    addRefused(command, `--${kind}-defaults`, QUOTAS_SENTENCE)
  }
  addRefused(command, '--zookeeper <hosts>', '--zookeeper: a broker is asked, give --bootstrap-server')
  const controller = '--bootstrap-controller'
  addRefused(command, `${controller} <hosts>`, `${controller}: a broker is asked, give --bootstrap-server`)
}

const QUOTAS_SENTENCE = 'quotas and credentials of users, clients and ips are not changed or shown by `ottla config`'

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
  return { type: kindOf(text.slice(0, slash)), name: text.slice(slash + 1) }
}

function kindOf(kind: string): ConfigResource['type'] {
  if (/^(user|client|ip)s?$/.test(kind)) throw new UsageError(QUOTAS_SENTENCE)
  if (Object.hasOwn(kinds, kind)) return kinds[kind]
  throw new UsageError(
    `there is no kind ${JSON.stringify(kind)}: what is configured is a topic, broker, group, client-metrics or broker-logger`,
  )
}

/** By the options of kafka-configs that name one of a kind. */
const shortcuts: readonly (readonly [option: string, type: ConfigResource['type']])[] = [
  ['topic', 'topic'],
  ['broker', 'broker'],
  ['brokerLogger', 'broker-logger'],
  ['group', 'group'],
  ['clientMetrics', 'client-metrics'],
]

/** Resources named by the options of kafka-configs. */
export function aliasedResources({ options }: CommandContext): ConfigResource[] {
  const resources = shortcuts.flatMap(([option, type]) =>
    ((options[option] as string[] | undefined) ?? []).map((name) => ({ type, name })),
  )
  if (options.brokerDefaults) resources.push({ type: 'broker', name: '' })
  const type = kindWithoutName(options)
  if (type !== null) throw new UsageError('--entity-type needs --entity-name')
  if (options.entityType !== undefined) {
    resources.push({ type: kindOf(options.entityType), name: options.entityName ?? '' })
  } else if (options.entityName !== undefined || options.entityDefault) {
    throw new UsageError('--entity-name and --entity-default need --entity-type')
  }
  return resources
}

/** `--entity-type` alone, which means all of the kind; null otherwise. */
export function kindWithoutName({ entityType, entityName, entityDefault }: CommandContext['options']) {
  if (entityType === undefined) return null
  const type = kindOf(entityType)
  return entityName === undefined && !entityDefault ? type : null
}

/** Splits the arguments into what is configured and the rest: settings, or names of settings. */
export function oneResource(context: CommandContext): { resource: ConfigResource; rest: readonly string[] } {
  const [aliased, another] = aliasedResources(context)
  if (another !== undefined) throw new UsageError(`one at a time: ${label(aliased)} or ${label(another)}`)
  if (aliased !== undefined) return { resource: aliased, rest: context.args }
  if (context.args.length === 0) throw new UsageError('name what to configure, e.g. topic/orders')
  return { resource: parseResource(context.args[0]), rest: context.args.slice(1) }
}

/** The names in values of `--delete-config`, parted by commas. */
export function namesOf(lists: readonly string[]): string[] {
  return lists.flatMap((list) => list.split(',')).map((name) => name.trim())
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
