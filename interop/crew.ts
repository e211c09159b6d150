import type { Client } from './clients.ts'
import { Program } from './program.ts'

/** Programs of one client that a scenario takes for its members; the next scenario gets those that are still alive. */
export class Crew {
  /** The client commits by itself and in no other way. */
  readonly commitsByItself: boolean
  /** Why it is not put out by a double. */
  readonly joinsWhenFenced: string | undefined
  /** Why its members do not get along with a topic that grows. */
  readonly missesNewPartitions: string | undefined
  readonly #command: [string, string[]]
  #idle: Program[] = []
  readonly #busy = new Set<Program>()

  constructor(client: Client) {
    this.#command = client.command()
    this.joinsWhenFenced = client.joinsWhenFenced
    this.missesNewPartitions = client.missesNewPartitions
    this.commitsByItself = client.commitsByItself === true
  }

  take(): Program {
    this.#idle = this.#idle.filter(({ ended }) => !ended)
    const program = this.#idle.pop() ?? new Program(this.#command, 60_000, true)
    this.#busy.add(program)
    return program
  }

  /** Its member has left: another may have the program. */
  giveBack(program: Program): void {
    if (this.#busy.delete(program)) this.#idle.push(program)
  }

  /** What a crash of the machine does to it: no leave, no close. */
  async kill(program: Program): Promise<void> {
    this.#busy.delete(program)
    await program.kill()
  }

  /** After a scenario: members leave, so that no group of it lives on. */
  async rest(): Promise<void> {
    const programs = [...this.#busy]
    this.#busy.clear()
    for (const program of programs) {
      try {
        await program.ask<'leave'>('', { op: 'leave' })
        this.#idle.push(program)
      } catch {
        await program.kill()
      }
    }
  }

  async close(): Promise<void> {
    const programs = this.#idle
    this.#idle = []
    await Promise.all(programs.map((program) => program.close()))
  }
}
