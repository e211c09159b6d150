"""Reads the ledger as far as it is stable, again and again, now and then from its begin; ends with one reading of all."""

import time

from chaos_worker import common, config, is_ending, now, tell, tell_trouble
from confluent_kafka import Consumer, IsolationLevel, KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

VIEW_INTERVAL_S = 0.5
WHOLE_INTERVAL_S = 2
# Reading from the begin takes longer and longer: of the time at most one in so many parts.
WHOLE_SHARE = 10

topic, partitions = config["topic"], range(config["partitions"])
consumer = Consumer(
    common(
        **{
            "group.id": "nobody",
            "enable.auto.commit": False,
            "isolation.level": "read_committed",
            "auto.offset.reset": "error",
            "enable.partition.eof": True,
            "fetch.wait.max.ms": 100,
        }
    )
)


def stable_ends():
    # A new one each time: librdkafka's keeps the leader epochs that it has learned, and is refused after a restart.
    admin = AdminClient(common())
    asked = {TopicPartition(topic, partition): OffsetSpec.latest() for partition in partitions}
    told = admin.list_offsets(asked, isolation_level=IsolationLevel.READ_COMMITTED, request_timeout=10)
    ends = [0 for _ in partitions]
    for place, future in told.items():
        ends[place.partition] = future.result().offset
        # librdkafka's own mark for no answer, which comes without an error when the broker goes away meanwhile.
        if ends[place.partition] < 0:
            raise KafkaException(KafkaError(KafkaError._TRANSPORT))
    return ends


def view(start):
    t0 = now()
    ends = stable_ends()
    records = []
    missing = {partition for partition in partitions if ends[partition] > start[partition]}
    if missing:
        consumer.assign([TopicPartition(topic, partition, start[partition]) for partition in missing])
    while missing:
        message = consumer.poll(1)
        if message is None:
            continue
        error, partition, offset = message.error(), message.partition(), message.offset()
        if error is not None:
            if error.code() != KafkaError._PARTITION_EOF:
                raise KafkaException(error)
        elif partition in missing and offset < ends[partition]:
            records.append([partition, offset, message.value().decode()])
        # What is aborted is passed over: only the end tells that nothing more comes.
        past = offset if error is not None else offset + 1
        if past >= ends[partition]:
            missing.discard(partition)
    consumer.unassign()
    tell(e="view", t0=t0, t=now(), **{"from": start}, ends=ends, records=records)
    return ends


none = [0 for _ in partitions]
ends = none
tell(e="ready")
whole_from = time.monotonic()
while not is_ending():
    began = time.monotonic()
    is_whole = began >= whole_from
    try:
        ends = view(none if is_whole else ends)
        if is_whole:
            whole_from = time.monotonic() + max(WHOLE_INTERVAL_S, WHOLE_SHARE * (time.monotonic() - began))
    except KafkaException as error:
        tell_trouble("view", error)
    time.sleep(VIEW_INTERVAL_S)
until = time.monotonic() + 20
while True:
    try:
        view(none)
        break
    except KafkaException as error:
        if time.monotonic() > until:
            raise
        tell_trouble("view", error)
        time.sleep(VIEW_INTERVAL_S)
consumer.close()
