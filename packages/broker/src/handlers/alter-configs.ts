import { AlterConfigsRequest, AlterConfigsResponse } from '@ottla/protocol'
import { defineHandler, type Handler } from '../server/handler.ts'
import { alterResource, type ConfigResourceDeps, NAMED_TWICE, repeatedResources } from './config-resources.ts'

/**
 * AlterConfigs (key 33), versions 0 to 2: replaces all settings of a resource; what is not named goes back to its
 * default. Its successor is IncrementalAlterConfigs.
 */
export function alterConfigsHandler(deps: ConfigResourceDeps): Handler {
  return defineHandler({
    request: AlterConfigsRequest,
    response: AlterConfigsResponse,
    minVersion: 0,
    maxVersion: 2,
    async handle({ connection }, body) {
      const responses = []
      const slices = deps.turns.slices(connection)
      const twice = repeatedResources(body.resources)
      for (const [i, { resourceType, resourceName, configs }] of body.resources.entries()) {
        if (slices.over) await slices.next()
        const entries = configs.map(({ name, value }) => [name, value] as const)
        const alteration = { type: 'replace', entries } as const
        const outcome = twice.has(i)
          ? NAMED_TWICE
          : await alterResource(resourceType, resourceName, alteration, body.validateOnly, deps)
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
