import type { TopicImage, TopicsImage } from '@ottla/coordinator'
import type { TopicInfo, Topics } from '../topics/topics.ts'

/** The topics as groups need to know them. A topic's image is made once: groups look at it with every heartbeat. */
export function topicsImages(
  topics: Pick<Topics, 'version' | 'get' | 'byId' | 'all'>,
  rackOf: (nodeId: number) => string | null,
): () => TopicsImage {
  const known = new WeakMap<TopicInfo, TopicImage>()
  const imageOf = (topic: TopicInfo | undefined): TopicImage | undefined => {
    if (topic === undefined) return undefined
    let image = known.get(topic)
    if (image === undefined) {
      const { name, topicId, partitions } = topic
      image = { name, topicId, partitions: partitions.length, racks: racksOf(topic, rackOf) }
      known.set(topic, image)
    }
    return image
  }
  return () => ({
    version: topics.version,
    topic: (name) => imageOf(topics.get(name)),
    topicById: (topicId) => imageOf(topics.byId(topicId)),
    names: () => topics.all().map(({ name }) => name),
  })
}

function racksOf({ partitions }: TopicInfo, rackOf: (nodeId: number) => string | null): string[][] {
  const racks = partitions.map(({ replicas }) => replicas.map(rackOf).filter((rack) => rack !== null))
  return racks.every((of) => of.length === 0) ? [] : racks
}
