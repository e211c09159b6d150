"""Membership in groups and transactions of confluent-kafka; the program holds one member and one producer."""

import time

from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition
from contract import content, text


def name_of(partition):
    return f"{partition.topic}-{partition.partition}"


class Members:
    def __init__(self, common):
        self.common = common
        self.consumer = None
        self.producer = None
        self.producer_id = None
        self.open = False

    def join(self, bootstrap, request, _sent):
        auto = request["autoCommitMs"]
        settings = {
            **self.common(bootstrap),
            "group.id": request["group"],
            "auto.offset.reset": "earliest",
            "enable.auto.commit": auto is not None,
            "isolation.level": request["isolation"],
            "group.protocol": request["protocol"],
            "fetch.wait.max.ms": 100,
            "topic.metadata.refresh.interval.ms": 1000,
        }
        if auto is not None:
            settings["auto.commit.interval.ms"] = auto
        if request["instanceId"] is not None:
            settings["group.instance.id"] = request["instanceId"]
        if request["protocol"] == "classic":
            settings["session.timeout.ms"] = request["sessionTimeoutMs"]
            settings["heartbeat.interval.ms"] = request["sessionTimeoutMs"] // 10
            cooperative = request["assignor"] == "cooperative"
            settings["partition.assignment.strategy"] = "cooperative-sticky" if cooperative else "range"
        self.most = request["maxPollRecords"]
        self.lost = []
        self.rebalances = 0
        self.next = {}
        self.committed = None

        def on_commit(error, partitions):
            self.committed = error or partitions

        self.consumer = Consumer({**settings, "on_commit": on_commit})

        def on_assign(_consumer, _partitions):
            self.rebalances += 1

        def on_revoke(_consumer, partitions):
            for one in partitions:
                self.lost.append(name_of(one))
                self.next.pop((one.topic, one.partition), None)

        # librdkafka takes a topic that begins with ^ for a regular expression.
        topics = request["topics"] if request["pattern"] is None else [f"^{request['pattern']}$"]
        self.consumer.subscribe(topics, on_assign=on_assign, on_revoke=on_revoke)

    def poll(self, _bootstrap, _request, _sent):
        records = []
        messages = self.consumer.consume(num_messages=1, timeout=0.1)
        if messages and self.most > 1:
            messages += self.consumer.consume(num_messages=self.most - 1, timeout=0.01)
        for message in messages:
            if message.error():
                raise KafkaException(message.error())
            self.next[(message.topic(), message.partition())] = message.offset() + 1
            records.append(
                {
                    "topic": message.topic(),
                    "partition": message.partition(),
                    "offset": message.offset(),
                    "value": text(message.value()),
                }
            )
        assigned = [name_of(one) for one in self.consumer.assignment()]
        return {"assigned": assigned, "lost": self.lost, "rebalances": self.rebalances, "records": records}

    def polled(self):
        return [TopicPartition(topic, partition, offset) for (topic, partition), offset in self.next.items()]

    def commit(self, _bootstrap, request, _sent):
        if request["offsets"] is None:
            offsets = self.polled()
        else:
            offsets = [TopicPartition(one["topic"], one["partition"], one["offset"]) for one in request["offsets"]]
        if not request["async"]:
            for one in self.consumer.commit(offsets=offsets, asynchronous=False):
                if one.error:
                    raise KafkaException(one.error)
            return
        self.committed = None
        self.consumer.commit(offsets=offsets, asynchronous=True)
        until = time.monotonic() + 30
        while self.committed is None and time.monotonic() < until:
            self.consumer.poll(0.05)
        if not isinstance(self.committed, list):
            raise RuntimeError(f"the callback said {self.committed}")

    def leave(self, _bootstrap, _request, _sent):
        leaving, self.consumer = self.consumer, None
        if leaving is not None:
            leaving.close()

    def transact(self, bootstrap, request, _sent):
        transactional_id = request["transactionalId"]
        if self.producer_id != transactional_id:
            self.producer = Producer({**self.common(bootstrap), "transactional.id": transactional_id, "linger.ms": 5})
            self.producer_id = transactional_id
            self.open = False
            self.producer.init_transactions(30)
        producer = self.producer
        if not self.open:
            producer.begin_transaction()
        self.open = True
        for record in request["records"]:
            producer.produce(record["topic"], value=content(record["value"]), partition=record["partition"])
        producer.flush(30)
        if request["offsets"]:
            producer.send_offsets_to_transaction(self.polled(), self.consumer.consumer_group_metadata(), 30)
        if request["end"] == "open":
            return
        if request["end"] == "commit":
            producer.commit_transaction(30)
        else:
            producer.abort_transaction(30)
        self.open = False

    def handlers(self):
        def answering(act):
            return lambda *request: act(*request) or {}

        return {name: answering(getattr(self, name)) for name in ("join", "poll", "commit", "leave", "transact")}
