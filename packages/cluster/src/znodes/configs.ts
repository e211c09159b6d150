import { encodeJson, ZnodeJson } from './json.ts'
import { desanitizeEntityName, sanitizeEntityName } from './sanitize.ts'

/**
 * Kinds of entity with configs in ZooKeeper (Kafka's `ConfigType`). `groups` are ours: Kafka has configs of groups with KRaft
 * alone, and no other broker looks for them.
 */
export const configEntityTypes = ['topics', 'clients', 'users', 'brokers', 'ips', 'groups'] as const
export type ConfigEntityType = (typeof configEntityTypes)[number]

/** Stands for all entities of a kind, in place of a name. */
export const defaultEntityName = '<default>'

export type Configs = ReadonlyMap<string, string>

export const configTypeZnode = { path: (type: ConfigEntityType): string => `/config/${type}` } as const

/** The name of a group's node: a group's id may be anything, a node's name may have no slash and be no dot. */
export function groupEntityName(groupId: string): string {
  return sanitizeEntityName(groupId).replaceAll('.', '%2E')
}

/** A name that nobody here has written is taken as it is. */
export function groupIdOfEntity(name: string): string {
  return desanitizeEntityName(name) ?? name
}

/**
 * `/config/<kind>/<name>`, version 1: the overrides of one entity. Names of users and clients are sanitized; a user's
 * client is `<user>/clients/<client>` below `users`.
 */
export const configZnode = {
  path: (type: ConfigEntityType, name: string): string => `${configTypeZnode.path(type)}/${name}`,

  encode(configs: Configs): Buffer {
    return encodeJson({ version: 1, config: Object.fromEntries(configs) })
  },

  /** A node without data or without configs is an entity without overrides, as Kafka reads it. */
  decode(type: ConfigEntityType, name: string, data: Buffer | null): Map<string, string> {
    const configs = new Map<string, string>()
    if (data === null) return configs
    const json = ZnodeJson.parse(configZnode.path(type, name), data)
    if (!json.has('config')) return configs
    const config = json.object('config')
    for (const key of config.keys()) configs.set(key, config.text(key))
    return configs
  },
} as const

/**
 * `/config/changes/config_change_<n>`, persistent and sequential, version 2: tells every broker to read an entity's
 * configs again. Whoever reads them removes those older than 15 minutes.
 */
export const configChangeZnode = {
  directory: '/config/changes',
  prefix: 'config_change_',
  /** To be created with `persistentSequential`. */
  createPath: '/config/changes/config_change_',

  encode(type: ConfigEntityType, name: string): Buffer {
    return encodeJson({ version: 2, entity_path: `${type}/${name}` })
  },

  /** Path of the entity below `/config`, such as `topics/orders` or `users/alice/clients/<default>`. */
  decode(path: string, data: Buffer | null): string {
    const json = ZnodeJson.parse(path, data)
    const version = json.integer('version')
    if (version === 2) return json.text('entity_path')
    if (version === 1) return `${json.text('entity_type')}/${json.text('entity_name')}`
    throw json.fail(`no notification has version ${version}`)
  },
} as const
