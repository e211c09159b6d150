"""Transactions of producers on librdkafka, side by side in one process, and what they left behind.

    transactions.py produce BOOTSTRAP TOPIC PRODUCERS RECORDS_PER_TRANSACTION SECONDS
    transactions.py count BOOTSTRAP TOPIC

Prints one JSON line: how many transactions were committed in how many seconds by how much CPU, or how many records a
reader sees that wants committed ones only.
"""
import json
import sys
import threading
import time

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, Producer, TopicPartition

VALUE = b"x" * 100


def produce(bootstrap, topic, producers, records, seconds):
    batch = [{"value": VALUE} for _ in range(records)]
    open_ = []
    for index in range(producers):
        producer = Producer({"bootstrap.servers": bootstrap, "transactional.id": f"{topic}-{index}"})
        producer.init_transactions()
        open_.append(producer)
    counts = [0] * producers
    errors = []

    def work(index):
        producer = open_[index]
        try:
            while time.monotonic() < end:
                producer.begin_transaction()
                taken = producer.produce_batch(topic, batch)
                if taken != records:
                    raise RuntimeError(f"{taken} of {records} records were taken")
                producer.commit_transaction()
                counts[index] += 1
        except Exception as error:
            errors.append(error)

    cpu = time.process_time()
    begun = time.monotonic()
    end = begun + seconds
    threads = [threading.Thread(target=work, args=(index,)) for index in range(producers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
    took = time.monotonic() - begun
    return {"transactions": sum(counts), "seconds": took, "cpuSeconds": time.process_time() - cpu}


def count(bootstrap, topic):
    consumer = Consumer({
        "bootstrap.servers": bootstrap,
        "group.id": f"{topic}-reader",
        "enable.auto.commit": False,
        "enable.partition.eof": True,
        "isolation.level": "read_committed",
    })
    partitions = consumer.list_topics(topic).topics[topic].partitions
    consumer.assign([TopicPartition(topic, one, OFFSET_BEGINNING) for one in partitions])
    ended = set()
    seen = 0
    until = time.monotonic() + 60
    while len(ended) < len(partitions):
        if time.monotonic() > until:
            raise RuntimeError(f"{seen} records within a minute, and no end")
        for message in consumer.consume(10000, 0.2):
            if message.error() is None:
                seen += 1
            elif message.error().code() == KafkaError._PARTITION_EOF:
                ended.add(message.partition())
            else:
                raise RuntimeError(message.error().str())
    consumer.close()
    return {"records": seen}


mode, bootstrap, topic = sys.argv[1:4]
if mode == "produce":
    print(json.dumps(produce(bootstrap, topic, int(sys.argv[4]), int(sys.argv[5]), float(sys.argv[6]))))
else:
    print(json.dumps(count(bootstrap, topic)))
