import {
  ErrorCode,
  type InputOf,
  type MessageOf,
  WriteTxnMarkersRequest,
  WriteTxnMarkersResponse,
} from '@ottla/protocol'
import type { MarkerWriter } from '../coordinators/marker-writer.ts'
import { defineHandler, type Handler } from '../server/handler.ts'

/**
 * WriteTxnMarkers (key 27), versions 0 to 2: ends transactions in partitions of this broker, for another broker's coordinator
 * or an operator who aborts a hanging one. Answered when the markers are committed.
 *
 * - 1: flexible; 2: transaction version, which says whether the marker's epoch is above that of the records.
 */
type Body = MessageOf<typeof WriteTxnMarkersRequest>
/** Of transactions, from which each has an epoch of its own. */
const OWN_EPOCH = 2

type Answers = { partitionIndex: number; errorCode: number }[]

export function writeTxnMarkersHandler({ markers: writer }: { readonly markers: MarkerWriter }): Handler {
  return defineHandler({
    request: WriteTxnMarkersRequest,
    response: WriteTxnMarkersResponse,
    minVersion: 0,
    maxVersion: 2,
    handle(request, body) {
      const markers = answersOf(body, ErrorCode.NONE)
      let left = 1
      const one = (): void => {
        if (--left === 0) request.respond({ markers } satisfies InputOf<typeof WriteTxnMarkersResponse>)
      }
      for (const [
        i,
        { topics, transactionResult, producerId, producerEpoch, coordinatorEpoch, transactionVersion },
      ] of body.markers.entries()) {
        const hasOwnEpoch = transactionVersion >= OWN_EPOCH
        const marker = { producerId, producerEpoch, coordinatorEpoch, commit: transactionResult, hasOwnEpoch }
        for (const [j, { name }] of topics.entries()) {
          for (const answer of markers[i].topics[j].partitions) {
            left++
            writer.write(name, answer.partitionIndex, marker, (errorCode) => {
              answer.errorCode = errorCode
              one()
            })
          }
        }
      }
      one()
      return undefined
    },
    refuse: (body, errorCode) => ({ markers: answersOf(body, errorCode) }),
  })
}

function answersOf({ markers }: Body, errorCode: number) {
  return markers.map(({ producerId, topics }) => ({
    producerId,
    topics: topics.map(({ name, partitionIndexes }) => ({
      name,
      partitions: partitionIndexes.map((partitionIndex) => ({ partitionIndex, errorCode })) as Answers,
    })),
  }))
}
