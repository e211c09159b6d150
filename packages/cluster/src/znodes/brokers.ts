import { encodeJson, ZnodeJson } from './json.ts'

export interface BrokerEndpoint {
  readonly listenerName: string
  /** `PLAINTEXT`, `SSL`, `SASL_PLAINTEXT`, `SASL_SSL`. */
  readonly securityProtocol: string
  /** Without brackets. */
  readonly host: string
  readonly port: number
}

export interface BrokerRegistration {
  readonly endpoints: readonly BrokerEndpoint[]
  readonly rack: string | null
  /** -1: none. */
  readonly jmxPort: number
  /** Wall-clock milliseconds of the registration. */
  readonly timestampMs: number
  /** Always empty in Kafka's ZooKeeper mode. */
  readonly features: Readonly<Record<string, { readonly minVersion: number; readonly maxVersion: number }>>
}

export const brokerIdsZnode = { path: '/brokers/ids' } as const

/**
 * `/brokers/ids/<id>`, ephemeral: a live broker. Its `czxid` is the broker epoch.
 * Written in version 5 (since Kafka 2.7); versions 1 to 5 are read.
 */
export const brokerIdZnode = {
  path: (brokerId: number): string => `${brokerIdsZnode.path}/${brokerId}`,

  encode({ endpoints, rack, jmxPort, timestampMs, features }: BrokerRegistration): Buffer {
    // For clients of before listeners: the first plaintext endpoint, or none.
    const oldest = endpoints.find((endpoint) => endpoint.securityProtocol === 'PLAINTEXT')
    return encodeJson({
      features: Object.fromEntries(
        Object.entries(features).map(([name, range]) => [
          name,
          { min_version: range.minVersion, max_version: range.maxVersion },
        ]),
      ),
      listener_security_protocol_map: Object.fromEntries(endpoints.map((e) => [e.listenerName, e.securityProtocol])),
      endpoints: endpoints.map((e) => `${e.listenerName}://${e.host.includes(':') ? `[${e.host}]` : e.host}:${e.port}`),
      ...(rack === null ? {} : { rack }),
      jmx_port: jmxPort,
      port: oldest?.port ?? -1,
      host: oldest?.host ?? null,
      version: 5,
      timestamp: String(timestampMs),
    })
  },

  decode(brokerId: number, data: Buffer | null): BrokerRegistration {
    const json = ZnodeJson.parse(brokerIdZnode.path(brokerId), data)
    const version = json.integer('version')
    if (version < 1) throw json.fail(`no registration has version ${version}`)
    return {
      endpoints: version === 1 ? [oldestEndpoint(json)] : json.texts('endpoints').map((text) => endpointOf(text, json)),
      rack: json.has('rack') ? json.text('rack') : null,
      jmxPort: json.has('jmx_port') ? json.integer('jmx_port') : -1,
      timestampMs: json.has('timestamp') ? json.integerText('timestamp') : -1,
      features: json.has('features') ? featuresOf(json.object('features')) : {},
    }
  },
} as const

function oldestEndpoint(json: ZnodeJson): BrokerEndpoint {
  return {
    listenerName: 'PLAINTEXT',
    securityProtocol: 'PLAINTEXT',
    host: json.text('host'),
    port: json.integer('port'),
  }
}

function endpointOf(text: string, json: ZnodeJson): BrokerEndpoint {
  const match = /^(.*):\/\/\[?([0-9a-zA-Z\-%._:]*)\]?:(-?[0-9]{1,10})$/.exec(text)
  if (match === null) throw json.fail(`"${text}" is no endpoint`)
  const listenerName = match[1].toUpperCase()
  // Before listeners had names of their own they were named as the protocol.
  const securityProtocol = json.has('listener_security_protocol_map')
    ? json.object('listener_security_protocol_map').text(listenerName)
    : listenerName
  return { listenerName, securityProtocol, host: match[2], port: Number(match[3]) }
}

function featuresOf(json: ZnodeJson): BrokerRegistration['features'] {
  return Object.fromEntries(
    json.keys().map((name) => {
      const range = json.object(name)
      return [name, { minVersion: range.integer('min_version'), maxVersion: range.integer('max_version') }]
    }),
  )
}

/** `/brokers/seqid`: every write without data gives the next generated broker id, as the node's version. */
export const brokerSequenceIdZnode = { path: '/brokers/seqid' } as const
