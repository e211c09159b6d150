"""Membership in groups and transactions of kafka-python; the program holds one member and one producer."""

import time

from contract import Unsupported, content, text
from kafka import ConsumerRebalanceListener, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.coordinator.assignors.cooperative_sticky import CooperativeStickyAssignor
from kafka.coordinator.assignors.range import RangePartitionAssignor
from kafka.structs import OffsetAndMetadata


def name_of(partition):
    return f"{partition.topic}-{partition.partition}"


class Members(ConsumerRebalanceListener):
    consumer = None
    producer = None
    producer_id = None
    open = False

    def on_partitions_assigned(self, assigned):
        self.rebalances += 1

    def on_partitions_revoked(self, revoked):
        for one in revoked:
            self.lost.append(name_of(one))
            self.next.pop(one, None)

    def join(self, bootstrap, request, _sent):
        if request["protocol"] == "consumer":
            raise Unsupported("kafka-python speaks the classic protocol only")
        auto = request["autoCommitMs"]
        cooperative = request["assignor"] == "cooperative"
        self.lost = []
        self.rebalances = 0
        self.next = {}
        self.consumer = KafkaConsumer(
            bootstrap_servers=bootstrap,
            client_id="interop-kafka-python",
            group_id=request["group"],
            group_instance_id=request["instanceId"],
            auto_offset_reset="earliest",
            enable_auto_commit=auto is not None,
            auto_commit_interval_ms=auto or 5000,
            isolation_level=request["isolation"],
            max_poll_records=request["maxPollRecords"],
            session_timeout_ms=request["sessionTimeoutMs"],
            heartbeat_interval_ms=request["sessionTimeoutMs"] // 10,
            metadata_max_age_ms=1000,
            partition_assignment_strategy=[CooperativeStickyAssignor if cooperative else RangePartitionAssignor],
        )
        if request["pattern"] is None:
            self.consumer.subscribe(request["topics"], listener=self)
        else:
            self.consumer.subscribe(pattern=f"^{request['pattern']}$", listener=self)

    def poll(self, _bootstrap, _request, _sent):
        # A leader that rejoins because partitions were added holds itself for done once it has assigned them: a poll that
        # ends before the broker's answer leaves it out of the group for good, if nobody tells it to join again.
        coordinator = self.consumer._coordinator
        if coordinator.rejoining and not coordinator.need_rejoin():
            coordinator.request_rejoin()
        records = []
        # Longer than the others: a poll that ends in the middle of a rebalance may leave the member without partitions.
        for partition, some in self.consumer.poll(timeout_ms=400).items():
            for record in some:
                self.next[partition] = record.offset + 1
                records.append(
                    {
                        "topic": record.topic,
                        "partition": record.partition,
                        "offset": record.offset,
                        "value": text(record.value),
                    }
                )
        assigned = [name_of(one) for one in self.consumer.assignment()]
        return {"assigned": assigned, "lost": self.lost, "rebalances": self.rebalances, "records": records}

    def polled(self):
        return {partition: OffsetAndMetadata(offset, "", -1) for partition, offset in self.next.items()}

    def commit(self, _bootstrap, request, _sent):
        offsets = request["offsets"]
        if offsets is not None:
            offsets = {
                TopicPartition(one["topic"], one["partition"]): OffsetAndMetadata(one["offset"], "", -1)
                for one in offsets
            }
        if not request["async"]:
            self.consumer.commit(offsets)
            return
        done = []
        self.consumer.commit_async(offsets, callback=lambda _offsets, response: done.append(response))
        until = time.monotonic() + 30
        while not done and time.monotonic() < until:
            self.consumer.poll(timeout_ms=50)
        if not done or isinstance(done[0], Exception):
            raise RuntimeError(f"the callback said {done}")

    def leave(self, _bootstrap, _request, _sent):
        leaving, self.consumer = self.consumer, None
        if leaving is not None:
            leaving.close()

    def transact(self, bootstrap, request, _sent):
        transactional_id = request["transactionalId"]
        if self.producer_id != transactional_id:
            self.producer = KafkaProducer(
                bootstrap_servers=bootstrap, client_id="interop-kafka-python", transactional_id=transactional_id
            )
            self.producer_id = transactional_id
            self.open = False
            self.producer.init_transactions()
        producer = self.producer
        if not self.open:
            producer.begin_transaction()
        self.open = True
        for record in request["records"]:
            producer.send(record["topic"], value=content(record["value"]), partition=record["partition"])
        producer.flush(timeout=30)
        if request["offsets"]:
            producer.send_offsets_to_transaction(self.polled(), self.consumer.group_metadata())
        if request["end"] == "open":
            return
        if request["end"] == "commit":
            producer.commit_transaction()
        else:
            producer.abort_transaction()
        self.open = False

    def handlers(self):
        def answering(act):
            return lambda *request: act(*request) or {}

        return {name: answering(getattr(self, name)) for name in ("join", "poll", "commit", "leave", "transact")}
