import {
  type TransactionConfig,
  TransactionCoordinator,
  type TransactionMachine,
  transactionCoordinatorKind,
} from '@ottla/coordinator'
import type { LiveConfig } from '../config/live-config.ts'
import type { ReplicaManager } from '../replica-manager/replica-manager.ts'
import { HostedCoordinator, type HostedCoordinatorDeps, type InternalTopic } from './hosted-coordinator.ts'
import { type MarkerOwner, MarkerWriter } from './marker-writer.ts'

export interface TransactionCoordinatorDeps extends HostedCoordinatorDeps {
  readonly config: LiveConfig
  /** Of the cluster: no more replicas can be had. */
  readonly brokers: () => number
  /** Of groups, whose offsets may be part of transactions. */
  readonly markerOwner: MarkerOwner
  /** A producer id that nobody has; null when none can be had now. */
  readonly nextProducerId: () => Promise<number | null>
}

const TOPIC = '__transaction_state'

/** The transaction coordinator of this broker, over `__transaction_state`. */
export class Transactions {
  readonly hosted: HostedCoordinator<TransactionMachine>
  readonly coordinator: TransactionCoordinator
  readonly markers: MarkerWriter

  constructor(deps: TransactionCoordinatorDeps) {
    const config = transactionConfig(deps.config)
    const { clock, timers, replicas, logger, markerOwner: owner } = deps
    this.markers = new MarkerWriter({ clock, timers, replicas, logger, owner })
    const kind = transactionCoordinatorKind({
      config,
      writeMarkers: (partition, markers, done) =>
        this.markers.writeAll(markers, coordinatorEpoch(deps.replicas, partition), done),
      log: (sentence, fields) => deps.logger.info(sentence, fields),
    })
    this.hosted = new HostedCoordinator(kind, stateTopic(deps.config, deps.brokers), deps)
    this.coordinator = new TransactionCoordinator(this.hosted.runtime, {
      partitionOf: (transactionalId) => this.hosted.partitionOf(transactionalId),
      config,
      nextProducerId: deps.nextProducerId,
      nowMs: () => deps.clock.nowMs(),
    })
  }

  start(): void {
    this.hosted.start()
  }

  stop(): void {
    this.markers.stop()
    this.hosted.stop()
  }
}

/** Whoever leads the partition later has a higher one: the markers of those before are refused. */
function coordinatorEpoch(replicas: ReplicaManager, partition: number): number {
  return replicas.partition(TOPIC, partition)?.leaderEpoch ?? 0
}

/** Read anew each time: some of it may be changed while the broker runs. */
function transactionConfig(config: LiveConfig): TransactionConfig {
  return {
    get timeoutMsMax() {
      return config.current.get('transaction.max.timeout.ms')
    },
    get idExpirationMs() {
      return config.current.get('transactional.id.expiration.ms')
    },
    get timeoutCheckIntervalMs() {
      return config.current.get('transaction.abort.timed.out.transaction.cleanup.interval.ms')
    },
    get expiryCheckIntervalMs() {
      return config.current.get('transaction.remove.expired.transaction.cleanup.interval.ms')
    },
  }
}

/** With one broker neither more replicas nor more of them in sync can be had. */
function stateTopic(config: LiveConfig, brokers: () => number): InternalTopic {
  return {
    name: TOPIC,
    partitions: () => config.current.get('transaction.state.log.num.partitions'),
    replicationFactor: () => Math.min(config.current.get('transaction.state.log.replication.factor'), brokers()),
    configs: () => [
      ['cleanup.policy', 'compact'],
      ['compression.type', 'uncompressed'],
      ['min.insync.replicas', String(Math.min(config.current.get('transaction.state.log.min.isr'), brokers()))],
      ['segment.bytes', String(config.current.get('transaction.state.log.segment.bytes'))],
      ['unclean.leader.election.enable', 'false'],
    ],
  }
}
