"""Members of groups, held by one process on librdkafka.

    members.py BOOTSTRAP TOPIC SESSION_TIMEOUT_MS HEARTBEAT_INTERVAL_MS GROUP MEMBER [GROUP MEMBER]...

Prints a JSON line whenever a member begins to join, is assigned partitions or gives them up, with the time in
milliseconds of the system's monotonic clock, which other processes read, too. Runs until it is killed, or its standard
input ends.
"""
import json
import sys
import threading
import time

from confluent_kafka import Consumer

bootstrap, topic, session_timeout_ms, heartbeat_interval_ms = sys.argv[1:5]
printing = threading.Lock()


def tell(group, member, event, partitions):
    line = {
        "ms": time.monotonic_ns() / 1e6,
        "group": group,
        "member": member,
        "event": event,
        "partitions": [one.partition for one in partitions],
    }
    with printing:
        print(json.dumps(line), flush=True)


def hold(group, member):
    consumer = Consumer({
        "bootstrap.servers": bootstrap,
        "group.id": group,
        "client.id": member,
        "session.timeout.ms": int(session_timeout_ms),
        "heartbeat.interval.ms": int(heartbeat_interval_ms),
        "enable.auto.commit": False,
        "auto.offset.reset": "earliest",
    })
    tell(group, member, "joining", [])
    consumer.subscribe(
        [topic],
        on_assign=lambda _, partitions: tell(group, member, "assigned", partitions),
        on_revoke=lambda _, partitions: tell(group, member, "revoked", []),
    )
    while True:
        consumer.poll(1)


rest = sys.argv[5:]
for group, member in zip(rest[::2], rest[1::2]):
    threading.Thread(target=hold, args=(group, member), daemon=True).start()
sys.stdin.read()
