/** kcat as a member of a group: one run of it from `join` to `leave`, which commits by itself. */
import { type ChildProcess, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { kcatProgram } from '../../../tools/peers/kcat.ts'
import { endProcess, track } from '../../../tools/peers/running-broker.ts'
import { type JoinRequest, Unsupported } from '../../contract.ts'
import { Inbox } from '../inbox.ts'

let child: ChildProcess | undefined
let inbox = new Inbox(1)

export const members = {
  async join(bootstrap: string, request: JoinRequest) {
    if (request.protocol === 'consumer') throw new Unsupported('this librdkafka speaks the classic protocol only')
    if (request.autoCommitMs === null) throw new Unsupported('kcat commits by itself only')
    if (request.maxPollRecords < 100) throw new Unsupported('kcat reads without being polled')
    const settings = {
      'session.timeout.ms': request.sessionTimeoutMs,
      'heartbeat.interval.ms': request.sessionTimeoutMs / 10,
      'partition.assignment.strategy': request.assignor === 'eager' ? 'range' : 'cooperative-sticky',
      'auto.commit.interval.ms': request.autoCommitMs,
      'auto.offset.reset': 'earliest',
      'isolation.level': request.isolation,
      'fetch.wait.max.ms': 100,
      'topic.metadata.refresh.interval.ms': 1000,
      ...(request.instanceId === null ? {} : { 'group.instance.id': request.instanceId }),
    }
    const flags = Object.entries(settings).flatMap(([name, value]) => ['-X', `${name}=${value}`])
    const topics = request.pattern === null ? request.topics : [`^${request.pattern}$`]
    const format = '%t %p %o %s\\n'
    const run = track(
      spawn(kcatProgram(), ['-b', bootstrap, '-u', '-f', format, ...flags, '-G', request.group, ...topics], {
        stdio: ['ignore', 'pipe', 'pipe'],
      }),
    )
    const own = new Inbox(request.maxPollRecords)
    createInterface({ input: run.stdout }).on('line', (line) => {
      const [topic, partition, offset, ...value] = line.split(' ')
      void own.take({ topic: topic!, partition: Number(partition), offset: Number(offset), value: value.join(' ') })
    })
    let assigned: string[] = []
    createInterface({ input: run.stderr }).on('line', (line) => {
      const call = /rebalanced.*\(memberid .*?\): (.*)$/.exec(line)
      if (call !== null) {
        const names = [...call[1]!.matchAll(/(\S+) \[(\d+)\]/g)].map(([, topic, number]) => `${topic}-${number}`)
        const more = /assign/.test(line)
        assigned = more ? [...assigned, ...names] : assigned.filter((name) => !names.includes(name))
        own.assign(assigned, more)
      } else if (/ERROR/.test(line)) own.fail(new Error(line))
    })
    child = run
    inbox = own
    return {}
  },
  poll: () => inbox.poll(),
  async leave() {
    const leaving = child
    child = undefined
    if (leaving !== undefined) await endProcess(leaving, 'SIGTERM')
    return {}
  },
}
