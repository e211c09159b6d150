import { encodeJson, ZnodeFormatError, ZnodeJson } from './json.ts'

export interface ControllerRegistration {
  readonly brokerId: number
  /** Wall-clock milliseconds of the election; -1 when it was not written. */
  readonly timestampMs: number
  /** Epoch of a KRaft controller that migrates the cluster (KIP-866); -1: none. */
  readonly kraftControllerEpoch: number
}

/** `/controller`, ephemeral: who is the controller. Version 2. */
export const controllerZnode = {
  path: '/controller',

  encode({ brokerId, timestampMs, kraftControllerEpoch }: ControllerRegistration): Buffer {
    return encodeJson({ version: 2, brokerid: brokerId, timestamp: String(timestampMs), kraftControllerEpoch })
  },

  decode(data: Buffer | null): ControllerRegistration {
    const json = ZnodeJson.parse(controllerZnode.path, data)
    return {
      brokerId: json.integer('brokerid'),
      timestampMs: json.has('timestamp') ? json.integerText('timestamp') : -1,
      kraftControllerEpoch: json.has('kraftControllerEpoch') ? json.integer('kraftControllerEpoch') : -1,
    }
  },
} as const

/**
 * `/controller_epoch`: the number of elections, as text. Every write of a controller is conditional on this node's
 * version, so that one who lost office changes nothing any more.
 */
export const controllerEpochZnode = {
  path: '/controller_epoch',
  /** Before the first election. */
  initialEpoch: 0,

  encode: (epoch: number): Buffer => Buffer.from(String(epoch)),

  decode(data: Buffer | null): number {
    const text = data?.toString('utf8') ?? ''
    if (!/^\d{1,10}$/.test(text)) throw new ZnodeFormatError(controllerEpochZnode.path, 'it is no epoch')
    return Number(text)
  },
} as const
