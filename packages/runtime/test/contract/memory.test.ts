import { memoryFileSystem } from '../../src/node/index.ts'
import { fileSystemContract } from './file-system-contract.ts'

fileSystemContract('memory', () => {
  const fs = memoryFileSystem()
  fs.mkdir('/data')
  return { fs, root: '/data', run: (promise) => promise, close() {} }
})
