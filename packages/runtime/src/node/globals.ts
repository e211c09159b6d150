import perfHooks from 'node:perf_hooks'
import timers from 'node:timers'
import vm from 'node:vm'

/**
 * Node's own time functions, taken once when this module loads. Test frameworks replace the globals later (fake
 * timers); an embedded broker must go on living in real time, so nothing else in the runtime touches the globals.
 */
export const realSetTimeout = timers.setTimeout
export const realClearTimeout = timers.clearTimeout
export const realSetImmediate = timers.setImmediate

/** Through a promise: fake timers replace `queueMicrotask`, some before this module loads, and never promises. */
const resolved = Promise.resolve()
export function realQueueMicrotask(fn: () => void): void {
  resolved.then(fn)
}

const performance = perfHooks.performance
export const realMonotonicMs: () => number = performance.now.bind(performance)

/** Where fake timers were installed before this module loaded, a fresh realm still has the engine's own `Date`. */
const isNative = /\[native code\]/.test(Function.prototype.toString.call(Date.now))
const RealDate: DateConstructor = isNative ? Date : vm.runInNewContext('Date')
export const realNowMs: () => number = RealDate.now

/** `Date` of the engine for formatting an instant; called with an argument only. */
export function dateOf(wallMs: number): Date {
  return new RealDate(wallMs)
}
