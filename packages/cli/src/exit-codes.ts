/** How the command ends; these numbers do not change. */
export const exitCodes = {
  /** Everything was done. */
  ok: 0,
  /** Something failed: the broker refused, a file could not be read, … */
  failed: 1,
  /** The command line is wrong; nothing was sent. */
  usage: 2,
  /** No broker could be reached, or it did not answer in time. */
  unreachable: 3,
  /** The topic, partition or other thing named does not exist. */
  notFound: 4,
  /** Of several items some succeeded and some failed. */
  partial: 5,
  /** Ended by Ctrl-C, as shells count it. */
  interrupted: 130,
} as const
