export { DiskImage } from '../disk/image.ts'
export type { DiskOp } from '../disk/operations.ts'
export {
  type CrashState,
  type CrashStatesOptions,
  crashImage,
  crashStates,
  type DiskEvent,
  type DiskHistory,
} from './crash-states.ts'
export {
  type CrashOptions,
  type DelayRange,
  type DiskCall,
  type DiskFault,
  SimDisk,
  type SimDiskOptions,
  simEpochMs,
} from './disk.ts'
export { type CrashModel, type Survival, sectorBytes } from './durability.ts'
export { type LogLine, type MachineOptions, SimMachine, Simulation, type SimulationOptions } from './machine.ts'
export { type LinkProfile, SimHost, SimNetwork, type SimNetworkOptions } from './network.ts'
export { SeededRandom, SeededSecureRandom } from './prng.ts'
export {
  type RunOptions,
  type RunResult,
  type SimEvent,
  SimScheduler,
  type SimSchedulerOptions,
  type TraceEntry,
} from './scheduler.ts'
export { SimConnection } from './socket.ts'
