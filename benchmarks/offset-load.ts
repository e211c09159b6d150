import { connect } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { FrameAssembler } from '@ottla/net'
import {
  encodeRequest,
  FindCoordinatorRequest,
  FindCoordinatorResponse,
  OffsetCommitRequest,
  OffsetCommitResponse,
  OffsetFetchRequest,
  OffsetFetchResponse,
} from '@ottla/protocol'
import { RawClient } from '@ottla/testkit'

/** Groups that commit for every partition of one topic, each another offset. */
export interface OffsetLoad {
  topic: string
  groups: number
  partitions: number
}

const groupName = (load: OffsetLoad, group: number) => `${load.topic}-group-${group}`
const offsetOf = (load: OffsetLoad, group: number, partition: number) => group * load.partitions + partition

const commitVersion = 8
const fetchVersion = 7
/** Requests under way on one connection, where answers are waited for in order. */
const depth = 16

function commitBody(load: OffsetLoad, group: number) {
  const partitions = Array.from({ length: load.partitions }, (_, partitionIndex) => ({
    partitionIndex,
    committedOffset: offsetOf(load, group, partitionIndex),
    committedMetadata: '',
  }))
  return { groupId: groupName(load, group), topics: [{ name: load.topic, partitions }] }
}

const fetchBody = (load: OffsetLoad, group: number, partitionIndexes: number[]) => ({
  groupId: groupName(load, group),
  topics: [{ name: load.topic, partitionIndexes }],
})

/** Calls `send` and `receive` for every group, a few requests ahead. */
async function pipelined(
  load: OffsetLoad,
  send: (group: number) => void,
  receive: (group: number) => Promise<void>,
): Promise<void> {
  for (let group = 0; group < load.groups + depth; group++) {
    if (group < load.groups) send(group)
    if (group >= depth) await receive(group - depth)
  }
}

/** Until the broker coordinates groups; it may have to make its topic first. */
async function awaitCoordinator(client: RawClient): Promise<void> {
  const until = performance.now() + 30_000
  for (;;) {
    const answer = await client.call(FindCoordinatorRequest, FindCoordinatorResponse, 3, { key: 'any' })
    if (answer.errorCode === 0) return
    if (performance.now() > until) throw new Error(`no coordinator within 30 s: error ${answer.errorCode}`)
    await delay(50)
  }
}

/** Lets every group commit once. A coordinator that still loads what it keeps is asked again. */
export async function commitOnce(port: number, load: OffsetLoad): Promise<void> {
  const client = await RawClient.connect(port)
  try {
    await awaitCoordinator(client)
    const until = performance.now() + 60_000
    const commit = (group: number) => client.send(OffsetCommitRequest, commitVersion, commitBody(load, group))
    await pipelined(load, commit, async (group) => {
      let { body } = await client.receive(OffsetCommitResponse, commitVersion)
      let error = 0
      while ((error = body.topics[0].partitions.find((one) => one.errorCode !== 0)?.errorCode ?? 0) !== 0) {
        if (performance.now() > until) throw new Error(`${groupName(load, group)} could not commit: error ${error}`)
        await delay(50)
        const other = await RawClient.connect(port)
        body = await other.call(OffsetCommitRequest, OffsetCommitResponse, commitVersion, commitBody(load, group))
        other.close()
      }
    })
  } finally {
    client.close()
  }
}

/** Asks for one partition of every group. False when the broker does not serve one yet; an offset that is wrong throws. */
async function oneOfEachServed(client: RawClient, load: OffsetLoad): Promise<boolean> {
  let served = true
  const partition = load.partitions - 1
  const ask = (group: number) => client.send(OffsetFetchRequest, fetchVersion, fetchBody(load, group, [partition]))
  await pipelined(load, ask, async (group) => {
    const { body } = await client.receive(OffsetFetchResponse, fetchVersion)
    if (body.errorCode !== 0) served = false
    else expectOffset(load, group, partition, body.topics[0].partitions[0].committedOffset)
  })
  return served
}

function expectOffset(load: OffsetLoad, group: number, partition: number, offset: number): void {
  const wanted = offsetOf(load, group, partition)
  if (offset === wanted) return
  throw new Error(`${groupName(load, group)} has ${offset} for partition ${partition} instead of ${wanted}`)
}

/** Until the broker has answered for every group. */
export async function awaitOffsets(port: number, load: OffsetLoad, timeoutMs = 120_000): Promise<void> {
  const client = await RawClient.connect(port)
  try {
    await awaitCoordinator(client)
    const until = performance.now() + timeoutMs
    while (!(await oneOfEachServed(client, load))) {
      if (performance.now() > until) throw new Error(`not every group is served within ${timeoutMs} ms`)
      await delay(10)
    }
  } finally {
    client.close()
  }
}

/** Compares every partition of every `step`th group with what was committed. */
export async function verifyOffsets(port: number, load: OffsetLoad, step: number): Promise<void> {
  const client = await RawClient.connect(port)
  try {
    const all = Array.from({ length: load.partitions }, (_, partition) => partition)
    for (let group = 0; group < load.groups; group += step) {
      const body = fetchBody(load, group, all)
      const answer = await client.call(OffsetFetchRequest, OffsetFetchResponse, fetchVersion, body)
      const { partitions } = answer.topics[0]
      if (partitions.length !== load.partitions) throw new Error(`${groupName(load, group)}: partitions are missing`)
      for (const one of partitions) expectOffset(load, group, one.partitionIndex, one.committedOffset)
    }
  } finally {
    client.close()
  }
}

export interface CommitRate {
  commits: number
  seconds: number
  /** CPU of this process. */
  cpuSeconds: number
}

/**
 * Lets the groups commit again and again, over `connections` with `depth` requests under way on each, for `seconds`.
 * Requests are encoded before, and each answer is compared with one that is known to be good, so that the driver costs
 * little. Every group must have committed before.
 */
export async function commitFor(
  port: number,
  load: OffsetLoad,
  seconds: number,
  connections = 10,
): Promise<CommitRate> {
  const frames = Array.from({ length: load.groups }, (_, group) =>
    Buffer.concat(encodeRequest(OffsetCommitRequest, commitVersion, group, 'bench', commitBody(load, group))),
  )
  const good = await goodAnswer(port, load)
  let commits = 0
  const cpu = process.cpuUsage()
  const begun = performance.now()
  const end = begun + seconds * 1000
  const one = (index: number) =>
    new Promise<void>((resolve, reject) => {
      let next = index
      let underWay = 0
      const socket = connect({ host: '127.0.0.1', port, noDelay: true })
      const send = () => {
        socket.write(frames[next])
        next = (next + connections) % load.groups
        underWay++
      }
      const assembler = new FrameAssembler({
        onFrame: (frame) => {
          if (!frame.subarray(4).equals(good)) socket.destroy(new Error(`a commit failed: ${frame.toString('hex')}`))
          commits++
          underWay--
          if (performance.now() < end) send()
          else if (underWay === 0) socket.end(resolve)
          return true
        },
        onError: (error) => socket.destroy(error),
      })
      socket.on('data', (chunk: Buffer) => assembler.push(chunk))
      socket.once('error', reject)
      socket.once('close', () => reject(new Error('the broker closed a connection')))
      socket.once('connect', () => {
        for (let i = 0; i < depth; i++) send()
      })
    })
  await Promise.all(Array.from({ length: connections }, (_, index) => one(index)))
  const used = process.cpuUsage(cpu)
  return { commits, seconds: (performance.now() - begun) / 1000, cpuSeconds: (used.user + used.system) / 1e6 }
}

/** What follows the correlation id in the answer to a commit without errors: it is the same for all groups. */
async function goodAnswer(port: number, load: OffsetLoad): Promise<Buffer> {
  const client = await RawClient.connect(port)
  try {
    const body = commitBody(load, 0)
    const { topics } = await client.call(OffsetCommitRequest, OffsetCommitResponse, commitVersion, body)
    const failed = topics[0].partitions.find((partition) => partition.errorCode !== 0)
    if (failed !== undefined) throw new Error(`a commit failed: error ${failed.errorCode}`)
    client.send(OffsetCommitRequest, commitVersion, body)
    const frame = await client.receiveFrame()
    if (frame === null) throw new Error('the broker closed the connection')
    return Buffer.from(frame.subarray(4))
  } finally {
    client.close()
  }
}
