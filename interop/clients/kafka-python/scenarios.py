"""kafka-python behind the contract of interop/README.md."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))

from contract import Unsupported, content, consumed_value, serve, text
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import ConfigResource, ConfigResourceType, NewPartitions, NewTopic
from members import Members

LARGEST = 80_000_000


def produce(bootstrap, request, sent):
    for record in request["records"]:
        if record["key"] is None and record["value"] is None:
            raise Unsupported("kafka-python writes no record without key and value")
        if any(value is None for _name, value in record.get("headers", [])):
            raise Unsupported("kafka-python cannot write a null header")
    codec = request["codec"]
    producer = KafkaProducer(
        bootstrap_servers=bootstrap,
        client_id="interop-kafka-python",
        acks="all" if request["acks"] == -1 else request["acks"],
        enable_idempotence=request["idempotent"],
        compression_type=None if codec == "none" else codec,
        linger_ms=50,
        batch_size=1_000_000,
        max_request_size=LARGEST,
        delivery_timeout_ms=60_000,
    )
    offsets = []

    def send(records):
        futures = [
            producer.send(
                request["topic"],
                value=content(record["value"]),
                key=content(record["key"]),
                headers=[(name, content(value)) for name, value in record.get("headers", [])],
                partition=request["partition"],
                timestamp_ms=record.get("timestamp"),
            )
            for record in records
        ]
        producer.flush(timeout=60)
        for future in futures:
            metadata = future.get(timeout=60)
            offsets.append(metadata.offset if metadata.offset >= 0 else None)

    try:
        send(request["records"])
        if "then" in request:
            sent()
            send(request["then"])
    finally:
        producer.close(timeout=10)
    return {"offsets": offsets}


def consumer_of(bootstrap):
    return KafkaConsumer(
        bootstrap_servers=bootstrap,
        client_id="interop-kafka-python",
        group_id=None,
        enable_auto_commit=False,
        auto_offset_reset="none",
        consumer_timeout_ms=60_000,
    )


def consume(bootstrap, request, _sent):
    partition = TopicPartition(request["topic"], request["partition"])
    consumer = consumer_of(bootstrap)
    records = []
    try:
        consumer.assign([partition])
        consumer.seek(partition, request["offset"])
        for record in consumer:
            records.append(
                {
                    "offset": record.offset,
                    "timestamp": record.timestamp,
                    "key": text(record.key),
                    "value": consumed_value(record.value),
                    "headers": [[name, text(value)] for name, value in record.headers],
                }
            )
            if len(records) == request["count"]:
                break
    finally:
        consumer.close()
    if len(records) < request["count"]:
        raise RuntimeError(f"only {len(records)} records came")
    return {"records": records}


def offsets(bootstrap, request, _sent):
    partition = TopicPartition(request["topic"], request["partition"])
    consumer = consumer_of(bootstrap)
    found = []
    try:
        for at in request["at"]:
            if at == -2:
                found.append(consumer.beginning_offsets([partition])[partition])
            elif at == -1:
                found.append(consumer.end_offsets([partition])[partition])
            else:
                answer = consumer.offsets_for_times({partition: at})[partition]
                found.append(-1 if answer is None else answer.offset)
    finally:
        consumer.close()
    return {"offsets": found}


def admin(use):
    def handler(bootstrap, request, _sent):
        client = KafkaAdminClient(bootstrap_servers=bootstrap, client_id="interop-kafka-python")
        try:
            return use(client, request) or {}
        finally:
            client.close()

    return handler


def create_topic(client, request):
    client.create_topics([NewTopic(request["topic"], request["partitions"], 1, topic_configs=request["configs"])])


def delete_topic(client, request):
    client.delete_topics([request["topic"]])


def list_topics(client, _request):
    return {"topics": list(client.list_topics())}


def describe_topic(client, request):
    return {"partitions": len(client.describe_topics([request["topic"]])[0]["partitions"])}


def create_partitions(client, request):
    client.create_partitions({request["topic"]: NewPartitions(request["total"])})


def describe_configs(client, request):
    resource = ConfigResource(ConfigResourceType.TOPIC, request["topic"])
    by_type = client.describe_configs([resource], config_filter="all")
    ((configs,),) = (by_name.values() for by_name in by_type.values())
    return {"configs": {name: configs[name]["value"] for name in request["names"]}}


def alter_configs(client, request):
    client.alter_configs([ConfigResource(ConfigResourceType.TOPIC, request["topic"], configs=request["set"])])


serve(
    {
        "produce": produce,
        "consume": consume,
        "offsets": offsets,
        **Members().handlers(),
        "createTopic": admin(create_topic),
        "deleteTopic": admin(delete_topic),
        "listTopics": admin(list_topics),
        "describeTopic": admin(describe_topic),
        "createPartitions": admin(create_partitions),
        "describeConfigs": admin(describe_configs),
        "alterConfigs": admin(alter_configs),
    }
)
