import { writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { type Installed, installOnce, peersDir, run } from './folders.ts'

const dependencies = {
  kafkajs: '2.2.4',
  '@platformatic/kafka': '2.12.1',
  '@kafkats/client': '0.12.0',
  // kafkajs brings gzip only: these give it the other codecs (zstd is in Node).
  snappyjs: '0.7.0',
  'lz4-napi': '2.10.0',
}

/** kafkajs, @platformatic/kafka and @kafkats/client, with a package.json of their own, so that they stay out of this project's. */
export function installNodeClients(): Promise<Installed> {
  return installOnce('node', { dependencies }, async (dir) => {
    const manifest = { name: 'ottla-peers', version: '1.0.0', private: true, dependencies }
    writeFileSync(join(dir, 'package.json'), JSON.stringify(manifest, null, 2))
    await run('npm', ['install', '--no-audit', '--no-fund', '--ignore-scripts', '--loglevel=error'], { cwd: dir })
  })
}

/** Loads a package from that folder. Install it first. */
export const requirePeer = createRequire(join(peersDir, 'node', 'package.json'))
