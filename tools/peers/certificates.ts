import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { run } from './folders.ts'

export interface Certificate {
  /** PEM. */
  readonly cert: string
  readonly key: string
  /** Holds both, as Apache Kafka's PEM stores want them. */
  readonly store: string
}

/** An authority of its own, and certificates that it has signed, as files below `dir`. Needs `openssl`. */
export class Authority {
  readonly #dir: string
  readonly cert: string
  /** The file of `cert`. */
  readonly certFile: string

  private constructor(dir: string) {
    this.#dir = dir
    this.certFile = join(dir, 'authority.cert.pem')
    this.cert = readFileSync(this.certFile, 'utf8')
  }

  static async make(dir: string): Promise<Authority> {
    const [key, cert] = ['key', 'cert'].map((what) => join(dir, `authority.${what}.pem`)) as [string, string]
    const names = ['-subj', '/CN=Ottla test authority', '-days', '2']
    await run('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-keyout', key, '-out', cert, ...names])
    return new Authority(dir)
  }

  /** `hosts`: names and addresses that it is good for. */
  async sign(name: string, hosts: readonly string[]): Promise<Certificate> {
    const file = (what: string) => join(this.#dir, `${name}.${what}.pem`)
    const alternatives = hosts.map((host) => (/^[\d.]+$/.test(host) ? `IP:${host}` : `DNS:${host}`)).join(',')
    const request = ['req', '-newkey', 'rsa:2048', '-nodes', '-keyout', file('key'), '-out', file('request')]
    await run('openssl', [...request, '-subj', `/CN=${name}`])
    writeFileSync(file('extensions'), `subjectAltName=${alternatives}\n`)
    const by = ['-CA', this.certFile, '-CAkey', join(this.#dir, 'authority.key.pem'), '-CAcreateserial', '-days', '2']
    const out = ['-in', file('request'), '-out', file('cert'), '-extfile', file('extensions')]
    await run('openssl', ['x509', '-req', ...out, ...by])
    const [cert, key] = [readFileSync(file('cert'), 'utf8'), readFileSync(file('key'), 'utf8')]
    writeFileSync(file('store'), `${key}${cert}${this.cert}`)
    return { cert, key, store: file('store') }
  }
}
