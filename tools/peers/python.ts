import { join } from 'node:path'
import { type Installed, installOnce, peersDir, run } from './folders.ts'

const packages = [
  'confluent-kafka==2.16.1',
  'kafka-python==3.0.12',
  'lz4==4.4.5',
  'python-snappy==0.7.3',
  'zstandard==0.25.0',
]

/** A Python environment with confluent-kafka, kafka-python and the codecs that kafka-python takes from elsewhere. */
export function installPython(): Promise<Installed> {
  return installOnce('python', { packages }, async (dir) => {
    await run('python3', ['-m', 'venv', dir])
    await run(join(dir, 'bin', 'python3'), ['-m', 'pip', 'install', '-q', '--only-binary', ':all:', ...packages])
  })
}

/** The interpreter of that environment. Install it first. */
export function pythonProgram(): string {
  return join(peersDir, 'python', 'bin', 'python3')
}
