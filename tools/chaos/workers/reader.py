"""A member of the group that reads the numbers and commits by hand."""

from chaos_worker import Starts, committed_places, common, config, generation_of, is_ending, membership, now, tell, tell_trouble
from confluent_kafka import Consumer, KafkaException, TopicPartition

COMMIT_INTERVAL_MS = 250
GATHER_MAX = 200

topic, group = config["topic"], config["group"]
generation = -1
# By partition: offset of the first, and the values; and where the reader stands.
gathered = {}
positions = {}
starts = Starts()


def on_assign(consumer, partitions):
    global generation
    generation = generation_of(consumer)
    t = now()
    places = committed_places(consumer, partitions)
    starts.given(places)
    tell(e="assign", t=t, group=group, generation=generation, places=places)


def on_revoke(_consumer, partitions):
    tell_gathered()
    for one in partitions:
        positions.pop(one.partition, None)
    tell(e="revoke", t=now(), group=group, partitions=[one.partition for one in partitions])


def tell_gathered():
    for partition, (start, values) in gathered.items():
        tell(e="read", t=now(), group=group, generation=generation, partition=partition, **{"from": start}, values=values)
    gathered.clear()


def gather(message):
    if starts.is_stale(message):
        return
    start, values = gathered.setdefault(message.partition(), (message.offset(), []))
    if message.offset() != start + len(values):
        tell_gathered()
        start, values = gathered.setdefault(message.partition(), (message.offset(), []))
    values.append(message.value().decode())
    positions[message.partition()] = message.offset() + 1


def commit(consumer):
    offsets = [TopicPartition(topic, partition, offset) for partition, offset in positions.items()]
    if not offsets:
        return
    t0 = now()
    try:
        done = consumer.commit(offsets=offsets, asynchronous=False)
    except KafkaException as error:
        return tell_trouble("commit", error)
    accepted = []
    for one in done:
        if one.error is None:
            accepted.append([one.partition, one.offset])
        else:
            tell_trouble("commit", KafkaException(one.error))
    if accepted:
        # The library may have gone on to another generation since: the later one accuses nobody wrongly.
        generation_now = max(generation, generation_of(consumer))
        tell(e="commit", t0=t0, t=now(), group=group, generation=generation_now, offsets=accepted)


consumer = Consumer(common(**membership("range")))
consumer.subscribe([topic], on_assign=on_assign, on_revoke=on_revoke, on_lost=on_revoke)
tell(e="ready")
committed_ms = now()
while not is_ending():
    message = consumer.poll(0.1)
    for _ in range(GATHER_MAX):
        if message is None:
            break
        if message.error() is not None:
            tell_trouble("poll", KafkaException(message.error()))
        else:
            gather(message)
        message = consumer.poll(0)
    if message is not None and message.error() is None:
        gather(message)
    tell_gathered()
    if now() - committed_ms >= COMMIT_INTERVAL_MS:
        commit(consumer)
        committed_ms = now()
consumer.close()
