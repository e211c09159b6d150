"""An idempotent producer of numbered records; those of the topic `requests` say what is to be transferred."""

import time

from chaos_worker import common, config, is_ending, now, random, session_name, tell, tell_trouble
from confluent_kafka import KafkaException, Producer

ACCOUNTS = 100
OUTSTANDING_MAX = 3000

numbers = config["role"] == "numbers"
rate, burst = (300, 10) if numbers else (25, 4)
topic, partitions = config["topic"], config["partitions"]
session = session_name(1)
acked = []
outstanding = 0


def content_of(seq):
    if numbers:
        return f"{session}|{seq}"
    start = random.randrange(ACCOUNTS)
    # The other one is in another partition of the ledger.
    step = 1 + random.randrange(partitions - 1) + partitions * random.randrange(ACCOUNTS // partitions)
    return f"{session}|{seq}|{start}|{(start + step) % ACCOUNTS}|{1 + random.randrange(1000)}"


def delivery_of(seq):
    def on_delivery(error, message):
        global outstanding
        outstanding -= 1
        if error is None:
            acked.append([seq, message.partition(), message.offset()])
        else:
            tell_trouble("send", KafkaException(error))

    return on_delivery


def serve(seconds):
    producer.poll(seconds)
    if acked:
        tell(e="ack", t=now(), topic=topic, session=session, records=acked)
        acked.clear()


producer = Producer(
    common(**{"enable.idempotence": True, "acks": "all", "linger.ms": 5, "delivery.timeout.ms": 600_000})
)
tell(e="ready")
began = time.monotonic()
seq = 0
while not is_ending():
    due = (time.monotonic() - began) * rate
    while seq < due and outstanding < OUTSTANDING_MAX:
        partition = seq // burst % partitions
        for _ in range(burst):
            outstanding += 1
            producer.produce(topic, content_of(seq), partition=partition, on_delivery=delivery_of(seq))
            seq += 1
    serve(0.02)
until = time.monotonic() + 60
while outstanding > 0 and time.monotonic() < until:
    serve(0.02)
