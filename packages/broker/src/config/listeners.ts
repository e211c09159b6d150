import { ConfigError } from './error.ts'

export type SecurityProtocol = 'PLAINTEXT' | 'SSL' | 'SASL_PLAINTEXT' | 'SASL_SSL'

const PROTOCOLS: readonly string[] = ['PLAINTEXT', 'SSL', 'SASL_PLAINTEXT', 'SASL_SSL']

/** An address to listen on. */
export interface ListenerConfig {
  /** Upper case, unique. */
  readonly name: string
  readonly securityProtocol: SecurityProtocol
  /** As written; null means every address of the machine. */
  readonly host: string | null
  /** 0 means any free port. */
  readonly port: number
  /** What to bind: `127.0.0.1` and `::1` for `localhost`, nothing for every address, else the host. */
  readonly addresses: readonly string[]
  /** Whether only this machine can reach it. */
  readonly loopback: boolean
}

/** An address told to clients that came in through the listener of the same name. */
export interface AdvertisedListener {
  readonly name: string
  readonly securityProtocol: SecurityProtocol
  /** Null: the machine's own name, since the listener takes every address. */
  readonly host: string | null
  /** 0: the port that the listener was given. */
  readonly port: number
}

export interface ListenerProperties {
  readonly listeners: readonly string[]
  readonly advertised: readonly string[] | null
  readonly protocolMap: string
  /** Whether the map was set by the user; only then a name that is missing in it is an error for controllers too. */
  readonly protocolMapIsSet: boolean
  /** Names of controller listeners, which are not opened. */
  readonly controllerNames: readonly string[]
  readonly interBrokerName: string | null
}

export interface ListenerSet {
  readonly listeners: readonly ListenerConfig[]
  readonly advertised: readonly AdvertisedListener[]
}

interface Address {
  readonly name: string
  readonly host: string | null
  readonly port: number
}

const ADDRESS = /^([^:/\s]+):\/\/(?:\[([0-9a-zA-Z.:%]*)\]|([0-9a-zA-Z\-%._:]*)):(\d+)$/

/**
 * Checks and joins the keys that describe listeners.
 * @throws ConfigError for a malformed address, a name without protocol, a protocol that is not built in, two
 * listeners of one name or on one address, an advertised name that does not listen, an unroutable advertised address
 */
export function parseListeners(properties: ListenerProperties): ListenerSet {
  const controllerNames = properties.controllerNames.map((name) => name.toUpperCase())
  const protocols = parseProtocolMap(properties, controllerNames)
  const all = properties.listeners.map((text) => parseAddress('listeners', text))
  refuseRepeatedNames('listeners', all)
  const listeners = all
    .filter(({ name }) => !controllerNames.includes(name))
    .map((address) => toListener(address, protocols))
  if (listeners.length === 0) {
    throw new ConfigError(
      'listeners',
      `listeners=${properties.listeners.join(',')} leaves no address for clients: name one that is not in controller.listener.names`,
    )
  }
  refuseSharedAddresses(listeners)
  return { listeners, advertised: advertise(properties, listeners, controllerNames) }
}

function parseAddress(key: string, text: string): Address {
  const match = ADDRESS.exec(text)
  const port = match === null ? Number.NaN : Number(match[4])
  if (match === null || port > 65535) {
    throw new ConfigError(key, `${key}=${text} is not an address: write NAME://host:port, such as PLAINTEXT://:9092`)
  }
  return { name: match[1].toUpperCase(), host: match[2] ?? (match[3] || null), port }
}

function parseProtocolMap(
  { protocolMap, protocolMapIsSet }: ListenerProperties,
  controllerNames: readonly string[],
): ReadonlyMap<string, SecurityProtocol> {
  const key = 'listener.security.protocol.map'
  const protocols = new Map<string, SecurityProtocol>()
  for (const item of protocolMap.split(',').map((part) => part.trim())) {
    if (item === '') continue
    const [name, protocol, ...rest] = item.split(':').map((part) => part.trim())
    if (!name || rest.length > 0 || !PROTOCOLS.includes(protocol?.toUpperCase())) {
      throw new ConfigError(
        key,
        `${key}=${item} is not NAME:PROTOCOL with one of the protocols ${PROTOCOLS.join(', ')}`,
      )
    }
    if (protocols.has(name.toUpperCase())) {
      throw new ConfigError(key, `${key} names ${name} twice`)
    }
    protocols.set(name.toUpperCase(), protocol.toUpperCase() as SecurityProtocol)
  }
  if (!protocolMapIsSet) {
    for (const name of controllerNames) if (!protocols.has(name)) protocols.set(name, 'PLAINTEXT')
  }
  return protocols
}

function refuseRepeatedNames(key: string, addresses: readonly Address[]): void {
  const seen = new Set<string>()
  for (const { name } of addresses) {
    if (seen.has(name)) throw new ConfigError(key, `${key} names ${name} twice: every address needs a name of its own`)
    seen.add(name)
  }
}

function toListener(address: Address, protocols: ReadonlyMap<string, SecurityProtocol>): ListenerConfig {
  const { name, host, port } = address
  const securityProtocol = protocols.get(name)
  if (securityProtocol === undefined) {
    throw new ConfigError(
      'listeners',
      `listener ${name} has no security protocol: add ${name}:PLAINTEXT to listener.security.protocol.map`,
    )
  }
  if (securityProtocol !== 'PLAINTEXT') {
    throw new ConfigError(
      'listeners',
      `listener ${name} wants ${securityProtocol}, which is not built in yet: use PLAINTEXT on an address that only trusted hosts reach`,
    )
  }
  const everywhere = host === null || host === '0.0.0.0' || host === '::'
  return {
    name,
    securityProtocol,
    host: host === '0.0.0.0' || host === '::' ? null : host,
    port,
    addresses: bindAddresses(host),
    loopback: !everywhere && isLoopback(host),
  }
}

function bindAddresses(host: string | null): readonly string[] {
  if (host === null) return []
  return host.toLowerCase() === 'localhost' ? ['127.0.0.1', '::1'] : [host]
}

function isLoopback(host: string): boolean {
  return host.toLowerCase() === 'localhost' || host === '::1' || /^127\.\d+\.\d+\.\d+$/.test(host)
}

function refuseSharedAddresses(listeners: readonly ListenerConfig[]): void {
  for (const [i, a] of listeners.entries()) {
    for (const b of listeners.slice(i + 1)) {
      if (a.port === 0 || a.port !== b.port) continue
      const shared = a.host === null || b.host === null || a.addresses.some((host) => b.addresses.includes(host))
      if (shared) {
        throw new ConfigError('listeners', `listeners ${a.name} and ${b.name} both want port ${a.port} of one address`)
      }
    }
  }
}

function advertise(
  properties: ListenerProperties,
  listeners: readonly ListenerConfig[],
  controllerNames: readonly string[],
): readonly AdvertisedListener[] {
  const key = 'advertised.listeners'
  const explicit = (properties.advertised ?? []).map((text) => parseAddress(key, text))
  refuseRepeatedNames(key, explicit)
  for (const { name, host } of explicit) {
    if (controllerNames.includes(name)) continue
    if (!listeners.some((listener) => listener.name === name)) {
      throw new ConfigError(key, `${key} names ${name}, which is not among listeners`)
    }
    if (host === '0.0.0.0' || host === '::') {
      throw new ConfigError(key, `${key}=${name}://${host} is no address a client can reach: name a host or an address`)
    }
  }
  const advertised = listeners.map(({ name, securityProtocol, host, port }) => {
    const told = explicit.find((address) => address.name === name) ?? { host, port }
    return { name, securityProtocol, host: told.host, port: told.port }
  })
  const between = properties.interBrokerName?.toUpperCase()
  if (between !== undefined && !listeners.some(({ name }) => name === between)) {
    throw new ConfigError(
      'inter.broker.listener.name',
      `inter.broker.listener.name=${properties.interBrokerName} is not among listeners`,
    )
  }
  return advertised
}
