"""librdkafka, by confluent-kafka for Python: the native line. It produces with callbacks, and reads many records at a time."""

import json
import resource
import sys
import time

from confluent_kafka import Consumer, Producer

OUTSTANDING_MAX = 10_000


class Meter:
    def __init__(self):
        self.start = time.perf_counter()
        self.cpu = time.process_time()

    def rate(self, records):
        seconds = time.perf_counter() - self.start
        return {
            "recordsPerSecond": records / seconds,
            "cpuSecondsPerMillion": (time.process_time() - self.cpu) / records * 1e6,
            "peakRssMb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000,
        }


def produce(job):
    value = b"x" * job["bytes"]
    topic = job["topic"]
    producer = Producer({"bootstrap.servers": job["bootstrap"], "enable.idempotence": True})

    def delivered(error, _message):
        if error is not None:
            raise RuntimeError(str(error))

    def send(count):
        for i in range(count):
            producer.produce(topic, value, on_delivery=delivered)
            if i % 100 == 0:
                while len(producer) >= OUTSTANDING_MAX:
                    producer.poll(0.001)
                producer.poll(0)
        producer.flush()

    send(job["warmUp"])
    meter = Meter()
    send(job["records"])
    return meter.rate(job["records"])


def consume(job):
    consumer = Consumer(
        {
            "bootstrap.servers": job["bootstrap"],
            "group.id": job["topic"] + "-librdkafka",
            "auto.offset.reset": "earliest",
            # By default it stops fetching for a second whenever so much waits as a reader of small records takes in an instant.
            "queued.min.messages": 1_000_000,
        }
    )
    consumer.subscribe([job["topic"]])
    count = 0
    meter = None
    while count < job["warmUp"] + job["records"]:
        for message in consumer.consume(1000, 1.0):
            if message.error() is not None:
                raise RuntimeError(str(message.error()))
            if len(message.value()) != job["bytes"]:
                raise RuntimeError("a value of another length")
            if count == job["warmUp"]:
                meter = Meter()
            count += 1
    rate = meter.rate(count - job["warmUp"] - 1)
    consumer.close()
    return rate


job = json.loads(sys.argv[1])
print(json.dumps({"produce": produce, "consume": consume}[job["kind"]](job)))
