import { testCrashStates } from './crash/half.ts'

testCrashStates(1)
