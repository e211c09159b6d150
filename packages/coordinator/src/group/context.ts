import type { MachineContext } from '../runtime/shard.ts'
import type { GroupConfig } from './config.ts'
import type { TopicsImage } from './topics-image.ts'

/** What the machines of groups are made with. */
export interface GroupContext extends MachineContext {
  readonly config: GroupConfig
  /** The topics now. */
  readonly topics: () => TopicsImage
  /** 128 random bits as a UUID in its usual form: ids of members are not to be guessed. */
  readonly newUuid: () => string
  /** For the broker's log: what a person who looks into a rebalance wants to know. */
  readonly log: (sentence: string, fields: Readonly<Record<string, string | number | null>>) => void
}
