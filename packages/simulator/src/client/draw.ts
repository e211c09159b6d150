import type { SeededRandom } from '@ottla/runtime/sim'
import type { Codec } from '../options.ts'
import type { World } from '../world.ts'

/** From which version on Produce and Fetch name topics by id. */
export const TOPIC_ID_VERSION = 13

const RECORDS_MAX = 6
/** Most batches fit into the smallest segment; one in a hundred may not, and is refused. */
const BATCH_BYTES_MAX = 3_000
/** How far behind the clock a record's time may lie. */
const LATE_MS = 4_000

/** Number, times and sizes of a batch's records. Times mostly rise, now and then one is late. */
export function drawBatch(
  world: World,
  random: SeededRandom,
  nowMs: number,
): { readonly timestamps: number[]; readonly valueBytes: number[]; readonly codec: Codec } {
  const { options } = world
  const count = 1 + random.below(RECORDS_MAX)
  const timestamps: number[] = []
  const valueBytes: number[] = []
  for (let i = 0; i < count; i++) {
    timestamps.push(random.chance(0.1) ? nowMs - random.below(LATE_MS) : nowMs)
    valueBytes.push(
      random.below(
        Math.min(options.valueBytesMax, random.chance(0.01) ? Number.POSITIVE_INFINITY : BATCH_BYTES_MAX / count),
      ),
    )
  }
  return { timestamps, valueBytes, codec: options.codecs[random.below(options.codecs.length)] }
}
