/**
 * What a topic may be called (`org.apache.kafka.common.internals.Topic`): 1 to 249 of `a-zA-Z0-9._-`, neither `.` nor
 * `..`. `null` when it is fine, else why not.
 */
export function topicNameProblem(name: string): string | null {
  if (name.length === 0) return 'the topic name is empty'
  if (name === '.' || name === '..') return `the topic name may not be '${name}'`
  if (name.length > NAME_LENGTH_MAX) return `the topic name has ${name.length} characters, at most 249 are allowed`
  if (!LEGAL.test(name)) return 'the topic name may only hold letters, digits, dots, underscores and hyphens'
  return null
}

const NAME_LENGTH_MAX = 249
const LEGAL = /^[a-zA-Z0-9._-]+$/

/** Topics whose names differ only by `.` and `_` would share metric names; Kafka refuses the second. */
export function collisionKey(name: string): string {
  return name.replaceAll('.', '_')
}

const INTERNAL = new Set(['__consumer_offsets', '__transaction_state', '__share_group_state'])

export function isInternalTopic(name: string): boolean {
  return INTERNAL.has(name)
}
