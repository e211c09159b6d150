import { badBatches } from './batches.ts'
import { frames } from './frames.ts'
import { lists } from './lists.ts'
import { loads } from './loads.ts'
import { requests } from './requests.ts'
import type { BadInput } from './target.ts'

/**
 * What a broken or hostile client may send. Each is answered, answered with the protocol's error, or ends in a closed
 * connection and one line in the log; nothing else is stored, and whoever is there besides is served.
 */
export const BAD_INPUTS: readonly BadInput[] = [...frames, ...badBatches, ...requests, ...lists, ...loads]
