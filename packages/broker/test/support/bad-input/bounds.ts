const MIB = 1024 * 1024

/**
 * What a broker may hold more than before, JavaScript's heap and buffers together, once all is over and rubbish is gone:
 * 32 MiB of buffers for requests to come, 16 MiB of newest batches (docs/limits.md), and what compiled code and topics take.
 */
export const HELD_BYTES_MAX: number = (32 + 16 + 12) * MIB
/** What the process may have more of the machine's memory when all was made once more. */
export const RESIDENT_GROWTH_BYTES_MAX: number = 32 * MIB
/** Of the machine's memory, files aside, whatever was made. */
export const RESIDENT_BYTES_MAX: number = 350_000_000
/** Of it, for an idle connection. */
export const IDLE_CONNECTION_BYTES_MAX: number = 20 * 1024
/** Of it, for all that announce a large request and send little of it. */
export const ANNOUNCED_RESIDENT_BYTES_MAX: number = 64 * MIB
/** What a turn of the event loop may take of the processor. */
export const TURN_CPU_MS_MAX = 100
