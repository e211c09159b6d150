import nodeFs from 'node:fs'
import nodeNet, { type AddressInfo } from 'node:net'
import os from 'node:os'
import path from 'node:path'
import { nodeFileSystem, nodeNetwork } from '../../src/node/index.ts'
import { fileSystemContract } from './file-system-contract.ts'
import { networkContract } from './network-contract.ts'

fileSystemContract('node disk', () => {
  const root = nodeFs.mkdtempSync(path.join(os.tmpdir(), 'ottla-runtime-'))
  return {
    fs: nodeFileSystem,
    root,
    run: (promise) => promise,
    close: () => nodeFs.rmSync(root, { recursive: true, force: true }),
  }
})

for (const host of ['127.0.0.1', '::1']) {
  const available =
    host === '127.0.0.1' || Object.values(os.networkInterfaces()).some((all) => all?.some((a) => a.address === '::1'))
  if (!available) {
    console.log(`node network on ${host} is left out: this machine has no such address`)
    continue
  }
  networkContract(`node network on ${host}`, () => ({
    net: nodeNetwork,
    host,
    async freePort() {
      const server = nodeNet.createServer().listen(0, host)
      await new Promise((resolve) => server.once('listening', resolve))
      const { port } = server.address() as AddressInfo
      await new Promise((resolve) => server.close(resolve))
      return port
    },
    run: (promise) => promise,
    async settle() {
      // Enough turns of the event loop for the kernel's loopback, which delivers within the sending call.
      for (let i = 0; i < 50; i++) await new Promise((resolve) => setImmediate(resolve))
    },
    close() {},
  }))
}
