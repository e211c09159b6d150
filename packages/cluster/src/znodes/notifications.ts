import { encodeJson, ZnodeJson } from './json.ts'

export interface TopicPartition {
  readonly topic: string
  readonly partition: number
}

/** Reads `"partitions": [{"topic": …, "partition": …}, …]`, which several nodes share. */
export function partitionsOf(json: ZnodeJson): TopicPartition[] {
  return json.objects('partitions').map((item) => ({ topic: item.text('topic'), partition: item.integer('partition') }))
}

/** `/isr_change_notification/isr_change_<n>`, persistent and sequential, version 1: a leader changed these ISRs itself. */
export const isrChangeZnode = {
  directory: '/isr_change_notification',
  prefix: 'isr_change_',
  /** To be created with `persistentSequential`. */
  createPath: '/isr_change_notification/isr_change_',

  encode(partitions: readonly TopicPartition[]): Buffer {
    return encodeJson({ version: 1, partitions: partitions.map(({ topic, partition }) => ({ topic, partition })) })
  },

  decode: (path: string, data: Buffer | null): TopicPartition[] => partitionsOf(ZnodeJson.parse(path, data)),
} as const

/** `/log_dir_event_notification/log_dir_event_<n>`, persistent and sequential, version 1: a log directory of a broker failed. */
export const logDirEventZnode = {
  directory: '/log_dir_event_notification',
  prefix: 'log_dir_event_',
  /** To be created with `persistentSequential`. */
  createPath: '/log_dir_event_notification/log_dir_event_',

  encode: (brokerId: number): Buffer => encodeJson({ version: 1, broker: brokerId, event: 1 }),
  decode: (path: string, data: Buffer | null): number => ZnodeJson.parse(path, data).integer('broker'),
} as const
