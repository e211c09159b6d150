import type { EmbeddedMetadata, MetadataStore } from '@ottla/cluster'
import { metadataStoreContract } from '../../../testkit/src/metadata-store-contract.ts'
import { openEmbedded } from '../support/embedded.ts'
import { FaultDisk } from '../support/fault-disk.ts'

async function harness(journalBytesMin?: number) {
  const disk = new FaultDisk()
  disk.mkdir('/data')
  let metadata: EmbeddedMetadata = openEmbedded(disk, { journalBytesMin })
  const root = '/root'
  const first = metadata.openSession()
  await first.create(root, null)
  await first.close()
  return {
    root,
    open: async (): Promise<MetadataStore> => metadata.openSession(),
    expire: (store: MetadataStore) => metadata.expireSession(store.sessionId),
    restart: async () => {
      await metadata.close()
      metadata = openEmbedded(disk, { journalBytesMin })
    },
    dispose: () => metadata.close(),
  }
}

metadataStoreContract('embedded tree', () => harness())
metadataStoreContract('embedded tree that rolls its journal at every change', () => harness(1))
