/** Plain numbers that the hot path raises and the metrics read. */
export class ServerCounters {
  accepted = 0
  refused = 0
  protocolErrors = 0
  bytesIn = 0
  bytesOut = 0
  /** Of those, what was sent from the page cache without having been read. */
  bytesFromFiles = 0
  /** By API key. */
  readonly requests: number[] = []

  request(apiKey: number, bytes: number): void {
    this.requests[apiKey] = (this.requests[apiKey] ?? 0) + 1
    this.bytesIn += bytes
  }
}
