"""
Moves money: reads requests as a member of a group and writes what they ask for in transactions, a debit and a credit for
each, with how far it has read. Some transactions it means to abort, which it says before; it reads their requests again.
"""

import json
import time
from collections import Counter

from chaos_worker import (
    Starts,
    committed_places,
    common,
    config,
    generation_of,
    is_ending,
    membership,
    now,
    random,
    session_name,
    tell,
    tell_trouble,
)
from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition

ABORTED_SHARE = 0.15
# Of transactions, so many stay open for a while with everything written, so that readers come across them.
SLOW_SHARE = 0.2
SLOW_S = 0.4
GATHER_MAX = 12
END_TIMEOUT_S = 30

topic, ledger, group, partitions = config["topic"], config["ledger"], config["group"], config["partitions"]
transactions = 0


class Teller:
    def __init__(self, number):
        self.number = number
        # Messages that no transaction has yet.
        self.taken = []
        self.starts = Starts()
        self.producer = Producer(
            common(
                **{
                    "transactional.id": config["name"],
                    "transaction.timeout.ms": config["transactionTimeoutMs"],
                    "linger.ms": 5,
                }
            )
        )
        self.producer.init_transactions(END_TIMEOUT_S)
        self.consumer = Consumer(
            common(**membership("cooperative-sticky"), **{"isolation.level": "read_committed"})
        )
        self.consumer.subscribe(
            [topic], on_assign=self.on_assign, on_revoke=self.on_revoke, on_lost=self.on_revoke
        )

    def on_assign(self, consumer, given):
        generation = generation_of(consumer)
        t = now()
        places = committed_places(consumer, given)
        self.starts.given(places)
        tell(e="assign", t=t, group=group, generation=generation, places=places)

    def on_revoke(self, _consumer, given):
        gone = {one.partition for one in given}
        self.taken = [message for message in self.taken if message.partition() not in gone]
        tell(e="revoke", t=now(), group=group, partitions=sorted(gone))

    def gather(self):
        until = time.monotonic() + 0.1
        while len(self.taken) < GATHER_MAX and time.monotonic() < until and not is_ending():
            message = self.consumer.poll(0.02)
            if message is None:
                continue
            if message.error() is not None:
                tell_trouble("poll", KafkaException(message.error()))
            elif not self.starts.is_stale(message):
                self.taken.append(message)

    def rewind(self, messages):
        """What has not been committed is read again, if it is still this member's to read."""
        first = {}
        for message in messages:
            first.setdefault(message.partition(), message.offset())
        mine = {one.partition for one in self.consumer.assignment()}
        for partition, offset in first.items():
            if partition in mine:
                self.consumer.seek(TopicPartition(topic, partition, offset))

    def work(self):
        global transactions
        self.gather()
        messages, self.taken = self.taken, []
        if not messages:
            return
        transactions += 1
        txn = f"{session_name(self.number)}.{transactions}"
        metadata = self.consumer.consumer_group_metadata()
        generation = generation_of(self.consumer)
        first, following = {}, {}
        for message in messages:
            first.setdefault(message.partition(), message.offset())
            following[message.partition()] = message.offset() + 1
        abort = random.random() < ABORTED_SHARE
        tell(e="begin", t=now(), txn=txn, group=group, generation=generation, abort=abort, reads=list(first.items()))
        self.t0 = now()

        def end(outcome):
            fields = {"group": group, "generation": generation, "offsets": list(following.items())}
            tell(e="end", t0=self.t0, t=now(), txn=txn, outcome=outcome, **fields)

        try:
            self.producer.begin_transaction()
            self.write(txn, messages, abort)
            if random.random() < SLOW_SHARE:
                self.producer.flush(END_TIMEOUT_S)
                time.sleep(random.random() * SLOW_S)
            offsets = [TopicPartition(topic, partition, offset) for partition, offset in following.items()]
            self.t0 = now()
            self.producer.send_offsets_to_transaction(offsets, metadata, END_TIMEOUT_S)
            if abort:
                # What is aborted has been written, not only queued.
                self.producer.flush(END_TIMEOUT_S)
                self.producer.abort_transaction(END_TIMEOUT_S)
            else:
                self.producer.commit_transaction(END_TIMEOUT_S)
        except KafkaException as error:
            end("failed")
            tell_trouble("transaction", error)
            if not error.args[0].txn_requires_abort():
                raise
            self.producer.abort_transaction(END_TIMEOUT_S)
            self.rewind(messages)
            return
        end("aborted" if abort else "committed")
        if abort:
            self.rewind(messages)

    def write(self, txn, messages, abort):
        legs = []
        for message in messages:
            session, seq, start, to, amount = message.value().decode().split("|")
            request = f"{session}|{seq}"
            legs.append((request, int(start), -int(amount)))
            legs.append((request, int(to), int(amount)))
        here = Counter(account % partitions for _, account, _ in legs)
        for request, account, amount in legs:
            partition = account % partitions
            value = json.dumps([txn, request, account, amount, here[partition], len(legs), 1 if abort else 0])
            self.producer.produce(ledger, value, partition=partition)

    def close(self):
        self.consumer.close()


tell(e="ready")
number = 0
while not is_ending():
    number += 1
    teller = None
    try:
        teller = Teller(number)
        while not is_ending():
            teller.work()
    except KafkaException as error:
        tell_trouble("teller", error)
        time.sleep(0.2)
    finally:
        if teller is not None:
            teller.close()
