import { type ChildProcess, fork } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { RawClient } from '@ottla/testkit'
import type { Subject } from './bad-input/target.ts'
import type { Question, Settings, Watched } from './watched-broker.ts'

/** A broker in a process of its own, with its data in a temporary folder, that tells what an input costs it. */
export class BrokerProcess implements Subject {
  readonly port: number
  readonly #child: ChildProcess
  readonly #folder: string
  /** Waiting for answers, in the order of the questions. */
  readonly #waiting: { resolve(told: Watched): void; reject(error: Error): void }[] = []
  readonly #gone: Promise<void>
  /** For a process that ends without `stop`. */
  readonly #atExit = (): void => {
    this.#child.kill('SIGKILL')
    rmSync(this.#folder, { recursive: true, force: true })
  }

  static async start({ config = {}, poisonBuffers = false }: Partial<Settings> = {}): Promise<BrokerProcess> {
    const folder = mkdtempSync(join(tmpdir(), 'ottla-watched-'))
    const places = { 'log.dirs': join(folder, 'data'), listeners: 'PLAINTEXT://127.0.0.1:0' }
    const settings: Settings = { config: { ...places, ...config }, poisonBuffers }
    const options = { execArgv: ['--expose-gc'] }
    const child = fork(new URL('watched-broker.ts', import.meta.url), [JSON.stringify(settings)], options)
    const port = await new Promise<number>((resolve, reject) => {
      child.once('message', (told: { readonly port: number }) => resolve(told.port))
      child.once('exit', (code) => reject(new Error(`the broker ended with code ${code} before it was ready`)))
    })
    return new BrokerProcess(child, port, folder)
  }

  private constructor(child: ChildProcess, port: number, folder: string) {
    this.#child = child
    this.#folder = folder
    this.port = port
    process.once('exit', this.#atExit)
    child.on('message', (told: Watched) => this.#waiting.shift()?.resolve(told))
    this.#gone = new Promise((resolve) => {
      child.once('exit', (code, signal) => {
        for (const { reject } of this.#waiting.splice(0)) reject(new Error(`the broker ended: ${signal ?? code}`))
        resolve()
      })
    })
  }

  ask(question: Question): Promise<Watched> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject })
      this.#child.send(question, (error) => {
        if (error !== null) reject(error)
      })
    })
  }

  observe(): Promise<Watched> {
    return this.ask('look')
  }

  connect(): Promise<RawClient> {
    return RawClient.connect(this.port)
  }

  /** Closes the broker and removes its data. */
  async stop(): Promise<void> {
    if (this.#child.connected) await this.ask('stop').catch(() => undefined)
    await this.#gone
    process.off('exit', this.#atExit)
    rmSync(this.#folder, { recursive: true, force: true })
  }
}
