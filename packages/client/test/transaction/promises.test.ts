/** What a transactional producer promises, against our own broker; `tools/transactions.ts` tries it against others. */
import { test } from 'node:test'
import { startBroker } from 'ottla'
import { Witness } from '../support/transactions/read-committed.ts'
import { scenarios } from '../support/transactions/scenarios.ts'

const apiNames: Readonly<Record<number, string>> = {
  0: 'Produce',
  22: 'InitProducerId',
  24: 'AddPartitionsToTxn',
  25: 'AddOffsetsToTxn',
  26: 'EndTxn',
  28: 'TxnOffsetCommit',
}
const SEED = 20261123

for (const scenario of scenarios) {
  test(scenario.name, async (t) => {
    const broker = await startBroker({
      config: { 'transaction.abort.timed.out.transaction.cleanup.interval.ms': 100 },
    })
    const witness = new Witness(broker.bootstrap)
    t.after(async () => {
      witness.close()
      await broker.close()
    })
    const facts = await scenario.run({
      bootstrap: broker.bootstrap,
      witness,
      implicit: true,
      seed: SEED,
      cut: (apiKey, when) => broker.intercept(apiNames[apiKey], { action: 'drop', when }),
      bounce: async () => {
        await broker.kill()
        await broker.restart()
      },
      uncut: () => {},
    })
    t.diagnostic(`seed ${SEED}: ${facts}`)
  })
}
