import { array, int16, int32, string, uuid } from '../codec/fields.ts'
import { request, response } from '../codec/message.ts'

/** Deletes topics by name or, from version 6 on, by id. */
const shape = { key: 20, name: 'DeleteTopics', versions: '0-6', flexible: '4+' } as const

export const DeleteTopicsRequest = request(shape, () => ({
  /** Exactly one of name and id per topic. */
  topics: array(
    {
      name: string({ nullable: '6+', default: null, entity: 'topicName' }),
      topicId: uuid(),
    },
    { v: '6+' },
  ),
  topicNames: array(string(), { v: '0-5', ignorable: true, entity: 'topicName' }),
  /** Milliseconds to wait at most until the topics are gone. */
  timeoutMs: int32(),
}))

export const DeleteTopicsResponse = response(shape, () => ({
  throttleTimeMs: int32({ v: '1+', ignorable: true }),
  responses: array({
    /** Null if deletion by id failed and the caller may not learn the name. */
    name: string({ nullable: '6+', entity: 'topicName', key: true }),
    topicId: uuid({ v: '6+', ignorable: true }),
    errorCode: int16(),
    errorMessage: string({ v: '5+', nullable: '5+', default: null, ignorable: true }),
  }),
}))
