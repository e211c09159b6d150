/** A topic as groups need to know it. */
export interface TopicImage {
  readonly name: string
  readonly topicId: string
  readonly partitions: number
  /** Racks of the replicas, by partition; empty where no broker has a rack. */
  readonly racks: readonly (readonly string[])[]
}

/** The cluster's topics at one moment. */
export interface TopicsImage {
  /** Grows with every change. */
  readonly version: number
  topic(name: string): TopicImage | undefined
  topicById(topicId: string): TopicImage | undefined
  names(): Iterable<string>
}
