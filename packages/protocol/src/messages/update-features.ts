import { array, boolean, int8, int16, int32, string } from '../codec/fields.ts'
import { request, response } from '../codec/message.ts'

/** Raises or lowers finalized feature levels (KIP-584). */
const shape = { key: 57, name: 'UpdateFeatures', versions: '0-2', flexible: '0+' } as const

export const UpdateFeaturesRequest = request(shape, () => ({
  timeoutMs: int32({ default: 60000 }),
  featureUpdates: array({
    feature: string({ key: true }),
    /** The new level; 0 removes the feature. */
    maxVersionLevel: int16(),
    allowDowngrade: boolean({ v: '0' }),
    /** 1: only raise; 2: lower if nothing is lost; 3: lower and lose. */
    upgradeType: int8({ v: '1+', default: 1 }),
  }),
  validateOnly: boolean({ v: '1+' }),
}))

export const UpdateFeaturesResponse = response(shape, () => ({
  throttleTimeMs: int32(),
  errorCode: int16(),
  errorMessage: string({ nullable: '0+' }),
  /** Version 2 is all or nothing and needs no results of single features. */
  results: array(
    {
      feature: string({ key: true }),
      errorCode: int16(),
      errorMessage: string({ nullable: '0+' }),
    },
    { v: '0-1', ignorable: true },
  ),
}))
