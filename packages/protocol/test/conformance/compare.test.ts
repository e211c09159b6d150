import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Message } from '@ottla/protocol'
import { compare } from '../../../../tools/conformance/compare.ts'
import type { KafkaMessage } from '../../../../tools/conformance/kafka-messages.ts'
import { array, int32, int64, string, struct } from '../../src/codec/fields.ts'
import { request } from '../../src/codec/message.ts'

const ours = () =>
  request({ key: 500, name: 'Sample', versions: '0-3', flexible: '2+' }, () => ({
    name: string({ v: '0-2', nullable: '1+', default: null, ignorable: true, entity: 'topicName' }),
    entries: array({ id: int32({ key: true }), limit: int64({ v: '2+', default: -1 }) }, { v: '1+' }),
    extra: struct({ note: string() }, { v: '2+', tag: 0 }),
  })) as unknown as Message

const entries = (limit: object = {}) => ({
  name: 'Entries',
  type: '[]Entry',
  versions: '1+',
  fields: [
    { name: 'Id', type: 'int32', versions: '1+', mapKey: true },
    { name: 'Limit', type: 'int64', versions: '2+', default: '-1', ...limit },
  ],
})

const kafka = (fields: object = {}, name: object = {}, limit: object = {}, extra: object = {}): KafkaMessage =>
  ({
    name: 'SampleRequest',
    type: 'request',
    apiKey: 500,
    validVersions: '0-3',
    flexibleVersions: '2+',
    fields: [
      {
        name: 'Name',
        type: 'string',
        versions: '0-2',
        nullableVersions: '1+',
        default: 'null',
        ignorable: true,
        entityType: 'topicName',
        ...name,
      },
      entries(limit),
      {
        name: 'Extra',
        type: 'Extra',
        versions: '2+',
        taggedVersions: '2+',
        tag: 0,
        fields: [{ name: 'Note', type: 'string', versions: '2+' }],
        ...extra,
      },
    ],
    ...fields,
  }) as KafkaMessage

const against = (message: KafkaMessage) =>
  compare([ours()], [{ version: '1.0', messages: new Map([[message.name, message]]) }])

test('a definition that agrees passes in every version', () => {
  assert.deepEqual(against(kafka()), { passed: 4, drift: [], leftOut: [] })
})

const drifts: readonly [what: string, message: KafkaMessage, versions: number][] = [
  ['another type', kafka({}, {}, { type: 'int32' }), 2],
  ['another name', kafka({}, {}, { name: 'Bound' }), 2],
  ['another default', kafka({}, {}, { default: '0' }), 2],
  ['nullable earlier', kafka({}, { nullableVersions: '0+' }), 1],
  ['present later', kafka({}, {}, { versions: '3+' }), 1],
  ['present longer', kafka({}, { versions: '0+' }), 1],
  ['another tag', kafka({}, {}, {}, { tag: 1 }), 2],
  ['not tagged', kafka({}, {}, {}, { taggedVersions: undefined }), 2],
  ['not ignorable', kafka({}, { ignorable: false }), 3],
  ['another entity', kafka({}, { entityType: 'groupId' }), 3],
  ['a field more', kafka({ fields: [...kafka().fields!, { name: 'More', type: 'int8', versions: '3+' }] }), 1],
  ['a field less', kafka({ fields: kafka().fields!.slice(0, 2) }), 2],
  ['flexible later', kafka({ flexibleVersions: '3+' }), 1],
  ['a version more', kafka({ validVersions: '0-4' }), 1],
  ['a version less', kafka({ validVersions: '0-2' }), 1],
  ['another key', kafka({ apiKey: 501 }), 1],
]

for (const [what, message, versions] of drifts) {
  test(`drift is seen: ${what}`, () => {
    const { drift } = against(message)
    const places = new Set(drift.map((line) => /version \d+/.exec(line)?.[0] ?? line))
    assert.equal(places.size, versions, drift.join('\n'))
  })
}

test('a message without a definition is drift', () => {
  const { drift } = against({ ...kafka(), name: 'OtherRequest' })
  assert.ok(drift.includes('1.0 OtherRequest: not defined'))
})
