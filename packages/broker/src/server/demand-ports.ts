import type { Network } from '@ottla/runtime'
import type { BrokerConfig } from '../config/index.ts'

/**
 * Rejects with the system's error (`EADDRINUSE`, `EACCES`) when a port that the configuration names cannot be had: before
 * logs are opened, since recovering them may take minutes. The ports are given back at once, so binding them may still fail.
 */
export async function demandPorts(config: BrokerConfig, net: Network): Promise<void> {
  const wanted: { host: string; port: number }[] = []
  for (const { addresses, port } of config.listening.listeners) {
    for (const host of addresses.length === 0 ? ['::'] : addresses) wanted.push({ host, port })
  }
  const http = config.get('ottla.http.listener')
  if (http !== null) {
    const at = http.lastIndexOf(':')
    wanted.push({ host: http.slice(0, at).replace(/^\[|\]$/g, '') || '::', port: Number(http.slice(at + 1)) })
  }
  for (const { host, port } of wanted) {
    if (port === 0) continue
    try {
      const listener = await net.listen({ host, port }, (socket) => socket.destroy())
      await listener.close()
    } catch (error) {
      // Whether another address will do is found out by binding.
      if (!isMissingFamily(error)) throw error
    }
  }
}

/** A machine without IPv6, or one that does not have this address. */
export function isMissingFamily(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException
  return code === 'EADDRNOTAVAIL' || code === 'EAFNOSUPPORT'
}
