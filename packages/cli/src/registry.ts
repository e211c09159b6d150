import type { CommandModule } from './command.ts'

export interface Entry {
  /** The words that name the command, e.g. `topic create`. */
  readonly path: readonly string[]
  /** One line for the list of commands. */
  readonly summary: string
  /** Reads the command's file. */
  load(): Promise<{ readonly command: CommandModule }>
}

/** What stands before several commands, e.g. `topic`. */
export const nouns: Readonly<Record<string, string>> = {
  topic: 'List, describe, create, alter and delete topics',
  group: 'Look at consumer groups, move their offsets, delete them',
  txn: 'Look at transactions, and abort those that hang',
  config: 'Read and change the configuration of topics and brokers',
  cluster: 'Look at the brokers',
  log: 'Look into the files of a log',
}

/** Every command, in the order of the help page. */
export const registry: readonly Entry[] = [
  { path: ['start'], summary: 'Run a broker', load: () => import('./commands/start.ts') },
  { path: ['topic', 'list'], summary: 'List topics', load: () => import('./commands/topic/list.ts') },
  {
    path: ['topic', 'describe'],
    summary: 'Show partitions, offsets and settings of topics',
    load: () => import('./commands/topic/describe.ts'),
  },
  { path: ['topic', 'create'], summary: 'Create topics', load: () => import('./commands/topic/create.ts') },
  {
    path: ['topic', 'alter'],
    summary: 'Change the configuration of topics',
    load: () => import('./commands/topic/alter.ts'),
  },
  { path: ['topic', 'delete'], summary: 'Delete topics', load: () => import('./commands/topic/delete.ts') },
  {
    path: ['topic', 'add-partitions'],
    summary: 'Raise the number of partitions of topics',
    load: () => import('./commands/topic/add-partitions.ts'),
  },
  {
    path: ['produce'],
    summary: 'Write records from standard input or files',
    load: () => import('./commands/produce.ts'),
  },
  { path: ['consume'], summary: 'Read records', load: () => import('./commands/consume.ts') },
  { path: ['group', 'list'], summary: 'List consumer groups', load: () => import('./commands/group/list.ts') },
  {
    path: ['group', 'describe'],
    summary: 'Show state, offsets and lag of groups by partition',
    load: () => import('./commands/group/describe.ts'),
  },
  {
    path: ['group', 'members'],
    summary: 'Show who is in a group, and who is idle',
    load: () => import('./commands/group/members.ts'),
  },
  {
    path: ['group', 'lag'],
    summary: 'Show how far groups are behind, once or all the time',
    load: () => import('./commands/group/lag.ts'),
  },
  {
    path: ['group', 'seek'],
    summary: 'Move the offsets of a group; a dry run first',
    load: () => import('./commands/group/seek.ts'),
  },
  {
    path: ['group', 'delete'],
    summary: 'Delete groups, or their offsets of some topics',
    load: () => import('./commands/group/delete.ts'),
  },
  { path: ['txn', 'list'], summary: 'List transactional ids', load: () => import('./commands/txn/list.ts') },
  {
    path: ['txn', 'describe'],
    summary: 'Show what transactions have open, and since when',
    load: () => import('./commands/txn/describe.ts'),
  },
  {
    path: ['txn', 'producers'],
    summary: 'Show the producers that partitions remember',
    load: () => import('./commands/txn/producers.ts'),
  },
  {
    path: ['txn', 'abort'],
    summary: 'Abort a transaction, also one that hangs',
    load: () => import('./commands/txn/abort.ts'),
  },
  {
    path: ['config', 'describe'],
    summary: 'Show the configuration of topics or brokers',
    load: () => import('./commands/config/describe.ts'),
  },
  { path: ['config', 'set'], summary: 'Set configuration values', load: () => import('./commands/config/set.ts') },
  {
    path: ['config', 'unset'],
    summary: 'Put configuration values back to their defaults',
    load: () => import('./commands/config/unset.ts'),
  },
  {
    path: ['cluster', 'info'],
    summary: 'Show brokers and controller',
    load: () => import('./commands/cluster/info.ts'),
  },
  {
    path: ['log', 'dump'],
    summary: 'Print what a segment, index or checkpoint file holds',
    load: () => import('./commands/log/dump.ts'),
  },
  { path: ['bench'], summary: 'Measure producing and consuming', load: () => import('./commands/bench.ts') },
  {
    path: ['completion'],
    summary: 'Print the completion script of a shell',
    load: () => import('./commands/completion.ts'),
  },
]
