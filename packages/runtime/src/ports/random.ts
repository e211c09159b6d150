/** Randomness that decides nothing secret: jitter, tie-breaks, sampling. The simulator seeds it. */
export interface Random {
  /** A uniform integer in 0 … 2^32-1. */
  uint32(): number
  /** A uniform integer in 0 … `bound`-1; `bound` is 1 … 2^32. */
  below(bound: number): number
  /** A uniform number in [0, 1). */
  float(): number
}

/** Randomness that must not be guessed: ids of topics and clusters, nonces, passwords. */
export interface SecureRandom {
  bytes(length: number): Buffer
}
