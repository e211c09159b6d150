/** What a client is asked to do, and what it answers: a job as JSON in the first argument, a result as the last line. */
export type Job = ProduceJob | ConsumeJob | LatencyJob

interface BaseJob {
  readonly bootstrap: string
  readonly topic: string
  /** Of each value. */
  readonly bytes: number
}

/** One call of send for each record, its promise awaited, so many at a time. */
export interface ProduceJob extends BaseJob {
  readonly kind: 'produce'
  readonly records: number
  /** Sent before, and not measured: the engine compiles meanwhile. */
  readonly warmUp: number
}

/** Reads the topic from its beginning as a group of one; the first `warmUp` records are not measured. */
export interface ConsumeJob extends BaseJob {
  readonly kind: 'consume'
  readonly records: number
  readonly warmUp: number
}

/** Sends `rate` records per second and reads them in the same process. */
export interface LatencyJob extends BaseJob {
  readonly kind: 'latency'
  readonly rate: number
  readonly seconds: number
  readonly warmUpSeconds: number
}

export interface Rate {
  readonly recordsPerSecond: number
  /** Of the client, user and system, per million records. */
  readonly cpuSecondsPerMillion: number
  /** Resident, at most, in 10^6 bytes. */
  readonly peakRssMb: number
}

export interface Latencies {
  readonly records: number
  readonly p50Ms: number
  readonly p99Ms: number
}

/** Promises that a program holds at a time. */
export const OUTSTANDING_MAX = 1000
