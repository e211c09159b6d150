import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import org.apache.kafka.clients.consumer.ConsumerRebalanceListener;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.apache.kafka.common.utils.AppInfoParser;

/** The requests that belong to a member of a group or to a transactional producer, of which the program holds one each. */
final class Members {
    private static KafkaConsumer<byte[], byte[]> consumer;
    private static List<String> lost;
    private static int rebalances;
    private static KafkaProducer<byte[], byte[]> producer;
    private static String producerId;
    private static boolean open;

    private Members() {}

    static void join(JsonNode request, Properties properties) throws Exception {
        boolean next = request.get("protocol").asText().equals("consumer");
        if (next && AppInfoParser.getVersion().startsWith("3.")) {
            throw new Unsupported("KIP-848 is a preview in this release");
        }
        boolean byItself = !request.get("autoCommitMs").isNull();
        properties.put("group.id", request.get("group").asText());
        properties.put("auto.offset.reset", "earliest");
        properties.put("enable.auto.commit", String.valueOf(byItself));
        if (byItself) properties.put("auto.commit.interval.ms", request.get("autoCommitMs").asText());
        properties.put("isolation.level", request.get("isolation").asText());
        properties.put("metadata.max.age.ms", "1000");
        properties.put("max.poll.records", request.get("maxPollRecords").asText());
        if (!request.get("instanceId").isNull()) properties.put("group.instance.id", request.get("instanceId").asText());
        if (next) {
            properties.put("group.protocol", "consumer");
        } else {
            int sessionTimeoutMs = request.get("sessionTimeoutMs").asInt();
            boolean cooperative = request.get("assignor").asText().equals("cooperative");
            properties.put("session.timeout.ms", String.valueOf(sessionTimeoutMs));
            properties.put("heartbeat.interval.ms", String.valueOf(sessionTimeoutMs / 10));
            properties.put("partition.assignment.strategy", "org.apache.kafka.clients.consumer."
                    + (cooperative ? "CooperativeStickyAssignor" : "RangeAssignor"));
        }
        lost = new ArrayList<>();
        rebalances = 0;
        consumer = new KafkaConsumer<>(properties, new ByteArrayDeserializer(), new ByteArrayDeserializer());
        ConsumerRebalanceListener listener = new ConsumerRebalanceListener() {
            @Override
            public void onPartitionsAssigned(Collection<TopicPartition> partitions) {
                rebalances++;
            }

            @Override
            public void onPartitionsRevoked(Collection<TopicPartition> partitions) {
                partitions.forEach(one -> lost.add(one.toString()));
            }
        };
        if (request.get("pattern").isNull()) {
            List<String> topics = new ArrayList<>();
            request.get("topics").forEach(topic -> topics.add(topic.asText()));
            consumer.subscribe(topics, listener);
        } else {
            // Release 3.9 has no such class.
            Class<?> type = Class.forName("org.apache.kafka.clients.consumer.SubscriptionPattern");
            Object pattern = type.getConstructor(String.class).newInstance(request.get("pattern").asText());
            KafkaConsumer.class.getMethod("subscribe", type, ConsumerRebalanceListener.class)
                    .invoke(consumer, pattern, listener);
        }
    }

    static void poll(ObjectNode answer) {
        ArrayNode records = answer.putArray("records");
        for (ConsumerRecord<byte[], byte[]> record : consumer.poll(Duration.ofMillis(100))) {
            records.addObject().put("topic", record.topic()).put("partition", record.partition())
                    .put("offset", record.offset()).put("value", Scenarios.text(record.value()));
        }
        ArrayNode assigned = answer.putArray("assigned");
        consumer.assignment().forEach(one -> assigned.add(one.toString()));
        ArrayNode gone = answer.putArray("lost");
        lost.forEach(gone::add);
        answer.put("rebalances", rebalances);
    }

    static void commit(JsonNode request) throws Exception {
        Map<TopicPartition, OffsetAndMetadata> offsets = new HashMap<>();
        if (request.get("offsets").isNull()) offsets = positions();
        for (JsonNode one : request.get("offsets")) {
            TopicPartition partition = new TopicPartition(one.get("topic").asText(), one.get("partition").asInt());
            offsets.put(partition, new OffsetAndMetadata(one.get("offset").asLong()));
        }
        if (!request.get("async").asBoolean()) {
            consumer.commitSync(offsets);
            return;
        }
        Object[] outcome = new Object[1];
        consumer.commitAsync(offsets, (done, error) -> outcome[0] = error == null ? done : error);
        while (outcome[0] == null) consumer.poll(Duration.ofMillis(50));
        if (outcome[0] instanceof Exception error) throw error;
    }

    private static Map<TopicPartition, OffsetAndMetadata> positions() {
        Map<TopicPartition, OffsetAndMetadata> offsets = new HashMap<>();
        for (TopicPartition one : consumer.assignment()) offsets.put(one, new OffsetAndMetadata(consumer.position(one)));
        return offsets;
    }

    static void leave() {
        KafkaConsumer<byte[], byte[]> leaving = consumer;
        consumer = null;
        if (leaving != null) leaving.close();
    }

    static void transact(JsonNode request, Properties properties) {
        String id = request.get("transactionalId").asText();
        if (!id.equals(producerId)) {
            if (producer != null) producer.close(Duration.ZERO);
            properties.put("transactional.id", id);
            properties.put("linger.ms", "5");
            producer = new KafkaProducer<>(properties, new ByteArraySerializer(), new ByteArraySerializer());
            producerId = id;
            open = false;
            producer.initTransactions();
        }
        if (!open) producer.beginTransaction();
        open = true;
        for (JsonNode record : request.get("records")) {
            producer.send(new ProducerRecord<>(record.get("topic").asText(), record.get("partition").asInt(), null,
                    Scenarios.content(record.get("value"))));
        }
        producer.flush();
        if (request.get("offsets").asBoolean()) producer.sendOffsetsToTransaction(positions(), consumer.groupMetadata());
        String end = request.get("end").asText();
        if (end.equals("open")) return;
        if (end.equals("commit")) producer.commitTransaction();
        else producer.abortTransaction();
        open = false;
    }
}
