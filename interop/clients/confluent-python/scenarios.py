"""confluent-kafka for Python (librdkafka) behind the contract of interop/README.md."""

import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))

from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import (
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewPartitions,
    NewTopic,
    ResourceType,
)
from contract import content, consumed_value, serve, text
from members import Members

LARGEST = 80_000_000


def common(bootstrap):
    return {"bootstrap.servers": bootstrap, "client.id": "interop-confluent-python", "log_level": 0}


def produce(bootstrap, request, sent):
    producer = Producer(
        {
            **common(bootstrap),
            "acks": request["acks"],
            "enable.idempotence": request["idempotent"],
            "compression.type": request["codec"],
            "linger.ms": 50,
            "message.max.bytes": LARGEST,
            "queue.buffering.max.kbytes": 2 * LARGEST // 1000,
            "delivery.timeout.ms": 60_000,
        }
    )
    offsets = []

    def delivered(error, message):
        if error is not None:
            raise KafkaException(error)
        offset = message.offset()
        offsets.append(offset if request["acks"] != 0 and offset is not None and offset >= 0 else None)

    def send(records):
        for record in records:
            extra = {"timestamp": record["timestamp"]} if "timestamp" in record else {}
            producer.produce(
                request["topic"],
                value=content(record["value"]),
                key=content(record["key"]),
                headers=[(name, content(value)) for name, value in record.get("headers", [])],
                partition=request["partition"],
                on_delivery=delivered,
                **extra,
            )
        left = producer.flush(60)
        if left:
            raise RuntimeError(f"{left} records were not delivered")

    send(request["records"])
    if "then" in request:
        sent()
        send(request["then"])
    return {"offsets": offsets}


def consumer_of(bootstrap):
    # The library wants a group id; nothing here joins the group or commits to it.
    return Consumer(
        {
            **common(bootstrap),
            "group.id": "interop-unused",
            "enable.auto.commit": False,
            "auto.offset.reset": "error",
            "receive.message.max.bytes": 100_000_000,
        }
    )


def consume(bootstrap, request, _sent):
    consumer = consumer_of(bootstrap)
    records = []
    try:
        consumer.assign([TopicPartition(request["topic"], request["partition"], request["offset"])])
        until = time.monotonic() + 60
        while len(records) < request["count"]:
            message = consumer.poll(0.5)
            if message is None:
                if time.monotonic() > until:
                    raise RuntimeError(f"only {len(records)} records came")
                continue
            if message.error():
                raise KafkaException(message.error())
            records.append(
                {
                    "offset": message.offset(),
                    "timestamp": message.timestamp()[1],
                    "key": text(message.key()),
                    "value": consumed_value(message.value()),
                    "headers": [[name, text(value)] for name, value in message.headers() or []],
                }
            )
    finally:
        consumer.close()
    return {"records": records}


def offsets(bootstrap, request, _sent):
    consumer = consumer_of(bootstrap)
    try:
        low, high = consumer.get_watermark_offsets(
            TopicPartition(request["topic"], request["partition"]), timeout=30, cached=False
        )
        found = []
        for at in request["at"]:
            if at in (-1, -2):
                found.append(high if at == -1 else low)
            else:
                asked = TopicPartition(request["topic"], request["partition"], at)
                (answer,) = consumer.offsets_for_times([asked], timeout=30)
                found.append(answer.offset)
    finally:
        consumer.close()
    return {"offsets": found}


def wait(futures):
    for future in futures.values():
        future.result(timeout=30)


def admin(use):
    return lambda bootstrap, request, _sent: use(AdminClient(common(bootstrap)), request) or {}


def create_topic(client, request):
    wait(client.create_topics([NewTopic(request["topic"], request["partitions"], 1, config=request["configs"])]))


def delete_topic(client, request):
    wait(client.delete_topics([request["topic"]]))


def list_topics(client, _request):
    return {"topics": list(client.list_topics(timeout=30).topics)}


def describe_topic(client, request):
    return {"partitions": len(client.list_topics(request["topic"], timeout=30).topics[request["topic"]].partitions)}


def create_partitions(client, request):
    wait(client.create_partitions([NewPartitions(request["topic"], request["total"])]))


def describe_configs(client, request):
    (future,) = client.describe_configs([ConfigResource(ResourceType.TOPIC, request["topic"])]).values()
    found = future.result(timeout=30)
    return {"configs": {name: found[name].value for name in request["names"]}}


def alter_configs(client, request):
    entries = [
        ConfigEntry(name, value, incremental_operation=AlterConfigOpType.SET) for name, value in request["set"].items()
    ]
    resource = ConfigResource(ResourceType.TOPIC, request["topic"], incremental_configs=entries)
    wait(client.incremental_alter_configs([resource]))


serve(
    {
        "produce": produce,
        "consume": consume,
        "offsets": offsets,
        **Members(common).handlers(),
        "createTopic": admin(create_topic),
        "deleteTopic": admin(delete_topic),
        "listTopics": admin(list_topics),
        "describeTopic": admin(describe_topic),
        "createPartitions": admin(create_partitions),
        "describeConfigs": admin(describe_configs),
        "alterConfigs": admin(alter_configs),
    }
)
