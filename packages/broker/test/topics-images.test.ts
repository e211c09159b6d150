import assert from 'node:assert/strict'
import { test } from 'node:test'
import { topicsImages } from '../src/coordinators/topics-images.ts'
import type { TopicInfo } from '../src/topics/topics.ts'

const partition = (...replicas: number[]) => ({ leader: replicas[0], leaderEpoch: 0, replicas, isr: replicas })

const topic: TopicInfo = {
  name: 'orders',
  topicId: '00000000-0000-4000-8000-000000000001',
  partitions: [partition(1, 2), partition(2, 3), partition(3)],
  configs: new Map(),
}

function topicsWith(found: TopicInfo) {
  return { version: 7, get: () => found, byId: () => undefined, all: () => [found] }
}

test('a partition stands in the racks of its replicas, where these have one', () => {
  const racks = new Map([
    [1, 'left'],
    [2, 'right'],
  ])
  const images = topicsImages(topicsWith(topic), (nodeId) => racks.get(nodeId) ?? null)
  const image = images().topic('orders')
  assert.deepEqual(image, {
    name: 'orders',
    topicId: topic.topicId,
    partitions: 3,
    racks: [['left', 'right'], ['right'], []],
  })
  assert.equal(images().topic('orders'), image, 'made once')
  assert.equal(images().topicById(topic.topicId), undefined)
  assert.deepEqual([images().version, ...images().names()], [7, 'orders'])
})

test('without racks there are none, and a topic that has changed is seen as it is now', () => {
  let found = topic
  const images = topicsImages({ ...topicsWith(topic), get: () => found }, () => null)
  assert.deepEqual(images().topic('orders')?.racks, [])
  found = { ...topic, partitions: [...topic.partitions, partition(1)] }
  assert.equal(images().topic('orders')?.partitions, 4)
})
