import { encodeJson, ZnodeFormatError, ZnodeJson } from './json.ts'

/** `/cluster/id`: made once, never changed. Its version is a string, unlike everybody else's. */
export const clusterIdZnode = {
  path: '/cluster/id',
  parent: '/cluster',

  encode: (clusterId: string): Buffer => encodeJson({ version: '1', id: clusterId }),
  decode: (data: Buffer | null): string => ZnodeJson.parse(clusterIdZnode.path, data).text('id'),
} as const

export interface ProducerIdBlock {
  /** Who was given it. */
  readonly brokerId: number
  readonly firstProducerId: number
  /** Inclusive. */
  readonly lastProducerId: number
}

/** `/latest_producer_id_block`, version 1: the block handed out last; without data until the first one. */
export const producerIdBlockZnode = {
  path: '/latest_producer_id_block',

  encode({ brokerId, firstProducerId, lastProducerId }: ProducerIdBlock): Buffer {
    return encodeJson({
      version: 1,
      broker: brokerId,
      block_start: String(firstProducerId),
      block_end: String(lastProducerId),
    })
  },

  decode(data: Buffer | null): ProducerIdBlock {
    const json = ZnodeJson.parse(producerIdBlockZnode.path, data)
    const block = {
      brokerId: json.integer('broker'),
      firstProducerId: json.integerText('block_start'),
      lastProducerId: json.integerText('block_end'),
    }
    if (block.firstProducerId < 0 || block.lastProducerId < block.firstProducerId) {
      throw new ZnodeFormatError(producerIdBlockZnode.path, 'it is no block')
    }
    return block
  },
} as const

export interface FinalizedFeatures {
  /** `disabled`: the cluster runs with an inter-broker protocol below 2.7 and the features mean nothing. */
  readonly status: 'disabled' | 'enabled'
  /** 1 has a minimum level per feature too; 2 (inter-broker protocol 3.3 and up) has only the maximum. */
  readonly version: 1 | 2
  readonly maxVersionLevels: Readonly<Record<string, number>>
}

/** `/feature` (KIP-584): the finalised features, empty in Kafka's ZooKeeper mode. */
export const featureZnode = {
  path: '/feature',

  encode({ status, version, maxVersionLevels }: FinalizedFeatures): Buffer {
    const features: Record<string, unknown> = {}
    for (const [name, level] of Object.entries(maxVersionLevels)) {
      features[name] =
        version === 1 ? { max_version_level: level, min_version_level: level } : { max_version_level: level }
    }
    return encodeJson({ features, version, status: status === 'enabled' ? 1 : 0 })
  },

  decode(data: Buffer | null): FinalizedFeatures {
    const json = ZnodeJson.parse(featureZnode.path, data)
    const version = json.integer('version')
    if (version !== 1 && version !== 2) throw json.fail(`no feature node has version ${version}`)
    const status = json.integer('status')
    if (status !== 0 && status !== 1) throw json.fail(`no status is ${status}`)
    const features = json.object('features')
    const maxVersionLevels: Record<string, number> = {}
    for (const name of features.keys()) {
      const level = features.object(name).integer('max_version_level')
      if (level < 1) throw json.fail(`"${name}" has level ${level}`)
      maxVersionLevels[name] = level
    }
    return { status: status === 1 ? 'enabled' : 'disabled', version, maxVersionLevels }
  },
} as const
