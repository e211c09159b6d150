import { test } from 'node:test'
import { passAll, range } from './support/seeds.ts'

test('groups and transactions of seeds 101 to 200 keep every invariant', (t) => passAll(t, range(101, 100), 'groups'))
