import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  readVarint,
  readVarlong,
  varintBytes,
  varintEnd,
  varlongBytes,
  writeVarint,
  writeVarlong,
} from '../../src/records/varint.ts'
import { withSeed } from './support.ts'

const buffer = Buffer.alloc(16)

test('int32 varints round-trip, and their size is told before', () => {
  const edges = [0, -1, 1, 63, -64, 64, -65, 8191, 8192, 0x7fff_ffff, -0x8000_0000]
  const check = (value: number): void => {
    const end = writeVarint(buffer, 0, value)
    assert.equal(end, varintBytes(value))
    assert.equal(readVarint(buffer, 0, end), value)
    assert.equal(varintEnd, end)
    readVarint(buffer, 0, end - 1)
    assert.equal(varintEnd, -1, 'cut')
  }
  for (const value of edges) check(value)
  fc.assert(fc.property(fc.integer({ min: -0x8000_0000, max: 0x7fff_ffff }), check), withSeed())
})

test('safe int64 varints round-trip, and their size is told before', () => {
  const check = (value: number): void => {
    const end = writeVarlong(buffer, 0, value)
    assert.equal(end, varlongBytes(value), `${value}`)
    assert.equal(readVarlong(buffer, 0, end), value)
    assert.equal(varintEnd, end)
    readVarlong(buffer, 0, end - 1)
    assert.equal(varintEnd, -1, 'cut')
  }
  for (const bits of [6, 7, 13, 14, 31, 32, 34, 35, 48, 49, 53]) {
    for (const value of [2 ** bits - 1, -(2 ** bits) + 1]) check(value)
    if (bits < 53) for (const value of [2 ** bits, -(2 ** bits), -(2 ** bits) - 1]) check(value)
  }
  fc.assert(fc.property(fc.maxSafeInteger(), check), withSeed())
})

test('what BigInt says about all 64 bits, rounded', () => {
  fc.assert(
    fc.property(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), (value) => {
      let bits = BigInt.asUintN(64, (value << 1n) ^ (value >> 63n))
      let at = 0
      for (; bits > 0x7fn; bits >>= 7n) buffer[at++] = Number(bits & 0x7fn) | 0x80
      buffer[at++] = Number(bits)
      const read = readVarlong(buffer, 0, at)
      assert.equal(varintEnd, at)
      const rounded = Number(value)
      assert.ok(Math.abs(read - rounded) <= Math.abs(rounded) * 2 ** -50, `${value} read as ${read}`)
    }),
    withSeed(),
  )
})

test('varints longer than their type are refused', () => {
  const refuse = (bytes: number[], read: typeof readVarint): void => {
    read(Buffer.from(bytes), 0, bytes.length)
    assert.equal(varintEnd, -1)
  }
  refuse([0x80, 0x80, 0x80, 0x80, 0x80, 0x00], readVarint)
  refuse([0xff, 0xff, 0xff, 0xff, 0x10], readVarint)
  refuse([...Array(10).fill(0x80), 0x00], readVarlong)
  refuse([...Array(9).fill(0xff), 0x02], readVarlong)
  refuse([], readVarint)
  refuse([], readVarlong)
})
