/** Where clients that came in through a listener are told to find this broker. */
export interface AdvertisedEndpoint {
  readonly host: string
  readonly port: number
}

/** The advertised address per listener name; known once the listeners are bound. */
export class Endpoints {
  private readonly byListener = new Map<string, AdvertisedEndpoint>()

  set(listenerName: string, endpoint: AdvertisedEndpoint): void {
    this.byListener.set(listenerName, endpoint)
  }

  of(listenerName: string): AdvertisedEndpoint {
    const endpoint = this.byListener.get(listenerName)
    if (endpoint === undefined) throw new Error(`listener ${listenerName} has no advertised address`)
    return endpoint
  }
}
