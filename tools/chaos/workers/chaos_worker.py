"""What the workers in Python have in common: what they are started with, and what they tell the runner (events.ts)."""

import faulthandler
import json
import os
import random as randomness
import signal
import sys
import time

from confluent_kafka import KafkaException

config = json.loads(sys.argv[1])
random = randomness.Random(f"{config['seed']} {config['name']} {config['incarnation']}")
ending = False


def _end(_signal, _frame):
    global ending
    ending = True


signal.signal(signal.SIGTERM, _end)
# Who does not end has said where it hangs.
faulthandler.register(signal.SIGTERM, chain=True)


def is_ending():
    return ending


def now():
    return time.monotonic_ns() / 1e6


def session_name(number):
    return f"{config['name']}.{config['incarnation']}.{number}"


def tell(**event):
    """Written before this returns: being killed afterwards loses nothing of it."""
    line = (json.dumps(event, separators=(",", ":")) + "\n").encode()
    while line:
        line = line[os.write(1, line) :]


def tell_trouble(what, error):
    tell(e="trouble", t=now(), what=what, code=error.args[0].name())


def common(**settings):
    return {
        "bootstrap.servers": config["bootstrap"],
        "client.id": config["name"],
        "reconnect.backoff.ms": 50,
        "reconnect.backoff.max.ms": 500,
        "log_level": 2,
        # When all brokers are down, librdkafka would forget the coordinator and hang in send_offsets_to_transaction, whose
        # timeout it does not look at (its issues 5511 and 5456).
        "metadata.recovery.strategy": "none",
        **settings,
    }


def membership(assignor):
    """How a member of a group is quick to notice."""
    of_both = {
        "group.id": config["group"],
        "group.protocol": config["groupProtocol"],
        "auto.offset.reset": "earliest",
        "enable.auto.commit": False,
        "max.poll.interval.ms": 20_000,
        "fetch.wait.max.ms": 100,
    }
    # With the consumer protocol the broker says how long sessions last, and who has what.
    if config["groupProtocol"] == "consumer":
        return of_both
    return {
        **of_both,
        "session.timeout.ms": config["sessionTimeoutMs"],
        "heartbeat.interval.ms": 500,
        "partition.assignment.strategy": assignor,
    }


def generation_of(consumer):
    """librdkafka gives it in what it hands on to a transaction: after the mark, 4 bytes, the low one first."""
    metadata = consumer.consumer_group_metadata()
    mark = b"CGMDv2:"
    if not metadata.startswith(mark):
        raise RuntimeError(f"group metadata of another kind: {metadata[:16]}")
    return int.from_bytes(metadata[len(mark) : len(mark) + 4], "little", signed=True)


def committed_places(consumer, partitions):
    """What the group goes on from in these partitions; a consumer that is being closed is not answered any more."""
    while partitions and not ending:
        try:
            found = consumer.committed(partitions, timeout=5)
            return [[one.partition, one.offset if one.offset >= 0 else -1] for one in found]
        except KafkaException as error:
            tell_trouble("committed", error)
    return []


class Starts:
    """
    Where the partitions of a member begin. Getting a partition again, librdkafka may deliver what it has had of it since the
    first time: those messages end before the begin, and are left out. When they lead up to it, the broker has sent them.
    """

    def __init__(self):
        self.starts = {}
        self.stale = {}

    def given(self, places):
        for partition, offset in places:
            self.starts[partition] = max(0, offset)
            self.stale.pop(partition, None)

    def is_stale(self, message):
        partition, offset = message.partition(), message.offset()
        start = self.starts.get(partition, 0)
        if offset < start:
            if partition not in self.stale:
                tell(e="trouble", t=now(), what="poll", code="STALE")
            self.stale[partition] = offset + 1
            return True
        if self.stale.pop(partition, None) == start:
            raise RuntimeError(f"{message.topic()}-{partition} was read again up to {start}, which is committed")
        return False
