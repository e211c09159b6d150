import { array, boolean, int8, int16, int32, string } from '../codec/fields.ts'
import { request, response } from '../codec/message.ts'

/** Reads the configuration of topics, brokers and other resources, with where each value comes from. */
const shape = { key: 32, name: 'DescribeConfigs', versions: '0-4', flexible: '4+' } as const

export const DescribeConfigsRequest = request(shape, () => ({
  resources: array({
    /** 2: topic; 4: broker; 8: broker logger; 16: client metrics; 32: group. */
    resourceType: int8(),
    /** A broker's is its id; empty for the default of all brokers. */
    resourceName: string(),
    /** Null for all. */
    configurationKeys: array(string(), { nullable: '0+' }),
  }),
  includeSynonyms: boolean({ v: '1+' }),
  includeDocumentation: boolean({ v: '3+' }),
}))

export const DescribeConfigsResponse = response(shape, () => ({
  throttleTimeMs: int32(),
  results: array({
    errorCode: int16(),
    errorMessage: string({ nullable: '0+' }),
    resourceType: int8(),
    resourceName: string(),
    configs: array({
      name: string(),
      /** Null if it is sensitive. */
      value: string({ nullable: '0+' }),
      readOnly: boolean(),
      /** Version 0 told only this much of the source. */
      isDefault: boolean({ v: '0' }),
      /**
       * 1: topic; 2: broker, dynamic; 3: all brokers, dynamic; 4: broker, static; 5: default; 6: broker logger; 7:
       * client metrics; 8: group. -1 if unknown.
       */
      configSource: int8({ v: '1+', default: -1, ignorable: true }),
      isSensitive: boolean(),
      /** All places that set the value, the one in force first. */
      synonyms: array(
        {
          name: string(),
          value: string({ nullable: '0+' }),
          source: int8(),
        },
        { v: '1+', ignorable: true },
      ),
      /** 0: unknown; 1: boolean; 2: string; 3: int; 4: short; 5: long; 6: double; 7: list; 8: class; 9: password. */
      configType: int8({ v: '3+', ignorable: true }),
      documentation: string({ v: '3+', nullable: '0+', ignorable: true }),
    }),
  }),
}))
