import { forgetNative } from '../../src/records/native.ts'

/** Runs with native modules as the machine has them, or hidden. */
export function withNative<T>(native: boolean, run: () => T): T {
  const before = process.env.OTTLA_NATIVE
  if (native) delete process.env.OTTLA_NATIVE
  else process.env.OTTLA_NATIVE = '0'
  forgetNative()
  try {
    return run()
  } finally {
    if (before === undefined) delete process.env.OTTLA_NATIVE
    else process.env.OTTLA_NATIVE = before
    forgetNative()
  }
}
