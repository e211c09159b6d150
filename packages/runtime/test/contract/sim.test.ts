import { Simulation } from '../../src/sim/index.ts'
import { fileSystemContract } from './file-system-contract.ts'
import { networkContract } from './network-contract.ts'

for (const seed of [1, 2, 3]) {
  fileSystemContract(`simulated disk, seed ${seed}`, () => {
    const simulation = new Simulation({ seed })
    const runtime = simulation.addMachine('one').start()
    runtime.fs.mkdir('/data')
    return {
      fs: runtime.fs,
      root: '/data',
      run: (promise) => simulation.scheduler.runUntilSettled(promise),
      close() {},
    }
  })

  networkContract(`simulated network, one machine, seed ${seed}`, () => {
    const simulation = new Simulation({ seed })
    const { net } = simulation.addMachine('one').start()
    return {
      net,
      host: '127.0.0.1',
      freePort: () => Promise.resolve(9),
      run: (promise) => simulation.scheduler.runUntilSettled(promise),
      async settle() {
        await simulation.scheduler.run({ untilMs: simulation.scheduler.nowMs + 50 })
      },
      close() {},
    }
  })
}

for (const seed of [4, 5, 6, 7]) {
  networkContract(`simulated network, two machines that cut and merge, seed ${seed}`, () => {
    const simulation = new Simulation({
      seed,
      link: { cutProbability: 0.5, mergeProbability: 0.5, lossProbability: 0.05, bufferBytes: 200_000 },
    })
    const server = simulation.addMachine('server').start()
    const client = simulation.addMachine('client').start()
    return {
      // Listens on one machine and connects from the other.
      net: { listen: server.net.listen.bind(server.net), connect: client.net.connect.bind(client.net) },
      host: 'server',
      freePort: () => Promise.resolve(9),
      run: (promise) => simulation.scheduler.runUntilSettled(promise),
      async settle() {
        await simulation.scheduler.run({ untilMs: simulation.scheduler.nowMs + 2_000 })
      },
      close() {},
    }
  })
}
