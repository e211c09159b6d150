import { ErrorCode, IncrementalAlterConfigsRequest, IncrementalAlterConfigsResponse } from '@ottla/protocol'
import type { ConfigChange } from '../config/index.ts'
import { defineHandler, type Handler } from '../server/handler.ts'
import { type ItemOutcome, refusal } from '../topics/outcome.ts'
import { alterResource, type ConfigResourceDeps, NAMED_TWICE, repeatedResources } from './config-resources.ts'

/** IncrementalAlterConfigs (key 44), versions 0 and 1: changes the settings that are named and no others (KIP-339). */

/** By Kafka's number (`AlterConfigOp.OpType`). */
const OPERATIONS: readonly ConfigChange['op'][] = ['set', 'delete', 'append', 'subtract']

export function incrementalAlterConfigsHandler(deps: ConfigResourceDeps): Handler {
  return defineHandler({
    request: IncrementalAlterConfigsRequest,
    response: IncrementalAlterConfigsResponse,
    minVersion: 0,
    maxVersion: 1,
    async handle({ connection }, body) {
      const responses = []
      const slices = deps.turns.slices(connection)
      const twice = repeatedResources(body.resources)
      for (const [i, { resourceType, resourceName, configs }] of body.resources.entries()) {
        if (slices.over) await slices.next()
        let outcome: ItemOutcome
        if (twice.has(i)) outcome = NAMED_TWICE
        else if (configs.some(({ configOperation }) => OPERATIONS[configOperation] === undefined)) {
          outcome = refusal(ErrorCode.INVALID_REQUEST, 'unknown operation: 0 set, 1 delete, 2 append, 3 subtract')
        } else {
          const changes = configs.map(({ name, configOperation, value }) => {
            return { name, op: OPERATIONS[configOperation], value }
          })
          const alteration = { type: 'change', changes } as const
          outcome = await alterResource(resourceType, resourceName, alteration, body.validateOnly, deps)
        }
        responses.push({ resourceType, resourceName, ...outcome })
      }
      return { responses }
    },
    refuse: (body, errorCode) => ({
      responses: body.resources.map(({ resourceType, resourceName }) => ({
        resourceType,
        resourceName,
        errorCode,
        errorMessage: null,
      })),
    }),
  })
}
