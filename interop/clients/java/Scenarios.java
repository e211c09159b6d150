import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.AlterConfigOp;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.NewPartitions;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/** Apache Kafka's Java client behind the contract of interop/README.md. The same source runs on 3.9 and on 4.x. */
public final class Scenarios {
    private static final int LARGEST = 80_000_000;
    private static final ObjectMapper JSON = new ObjectMapper();
    private static BufferedReader input;
    private static PrintStream output;

    public static void main(String[] args) throws Exception {
        input = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        output = new PrintStream(System.out, true, StandardCharsets.UTF_8);
        for (String line = input.readLine(); line != null; line = input.readLine()) {
            JsonNode request = JSON.readTree(line);
            ObjectNode answer = JSON.createObjectNode();
            answer.put("id", request.get("id").asInt());
            try {
                answer.put("ok", true);
                handle(request, answer);
            } catch (Unsupported reason) {
                answer.removeAll();
                answer.put("id", request.get("id").asInt()).put("unsupported", reason.getMessage());
            } catch (Exception error) {
                Throwable cause = error instanceof ExecutionException && error.getCause() != null ? error.getCause() : error;
                answer.removeAll();
                answer.put("id", request.get("id").asInt()).put("ok", false);
                answer.put("error", cause.getClass().getSimpleName() + ": " + cause.getMessage());
            }
            output.println(JSON.writeValueAsString(answer));
        }
    }

    private static void handle(JsonNode request, ObjectNode answer) throws Exception {
        String op = request.get("op").asText();
        switch (op) {
            case "produce" -> produce(request, answer);
            case "consume" -> consume(request, answer);
            case "join" -> Members.join(request, common(request));
            case "poll" -> Members.poll(answer);
            case "commit" -> Members.commit(request);
            case "leave" -> Members.leave();
            case "transact" -> Members.transact(request, common(request));
            default -> {
                try (Admin admin = Admin.create(common(request))) {
                    administer(op, admin, request, answer);
                }
            }
        }
    }

    private static Properties common(JsonNode request) {
        Properties properties = new Properties();
        properties.put("bootstrap.servers", request.get("bootstrap").asText());
        properties.put("client.id", "interop-java");
        return properties;
    }

    private static void produce(JsonNode request, ObjectNode answer) throws Exception {
        Properties properties = common(request);
        properties.put("compression.type", request.get("codec").asText());
        properties.put("acks", request.get("acks").asText());
        properties.put("enable.idempotence", request.get("idempotent").asText());
        properties.put("linger.ms", "50");
        properties.put("batch.size", "1000000");
        properties.put("max.request.size", String.valueOf(LARGEST));
        properties.put("buffer.memory", String.valueOf(2L * LARGEST));
        properties.put("delivery.timeout.ms", "60000");
        ArrayNode offsets = answer.putArray("offsets");
        try (var producer = new KafkaProducer<>(properties, new ByteArraySerializer(), new ByteArraySerializer())) {
            send(producer, request, request.get("records"), offsets);
            if (request.has("then")) {
                output.println("{\"event\":\"sent\"}");
                input.readLine();
                send(producer, request, request.get("then"), offsets);
            }
        }
    }

    private static void send(
            KafkaProducer<byte[], byte[]> producer, JsonNode request, JsonNode records, ArrayNode offsets) throws Exception {
        List<Future<RecordMetadata>> sent = new ArrayList<>();
        for (JsonNode record : records) {
            List<Header> headers = new ArrayList<>();
            for (JsonNode header : record.path("headers")) {
                headers.add(new RecordHeader(header.get(0).asText(), content(header.get(1))));
            }
            Long timestamp = record.has("timestamp") ? record.get("timestamp").asLong() : null;
            int partition = request.get("partition").asInt();
            sent.add(producer.send(new ProducerRecord<>(
                    request.get("topic").asText(),
                    partition,
                    timestamp,
                    content(record.get("key")),
                    content(record.get("value")),
                    headers)));
        }
        producer.flush();
        for (Future<RecordMetadata> one : sent) {
            RecordMetadata metadata = one.get();
            if (metadata.hasOffset()) offsets.add(metadata.offset());
            else offsets.addNull();
        }
    }

    static byte[] content(JsonNode node) {
        if (node == null || node.isNull()) return null;
        if (node.isTextual()) return node.asText().getBytes(StandardCharsets.UTF_8);
        byte[] bytes = new byte[node.get("bytes").asInt()];
        for (int i = 0; i < bytes.length; i++) bytes[i] = (byte) (i % 251);
        return bytes;
    }

    private static void consume(JsonNode request, ObjectNode answer) throws Exception {
        TopicPartition partition = new TopicPartition(request.get("topic").asText(), request.get("partition").asInt());
        int count = request.get("count").asInt();
        ArrayNode records = answer.putArray("records");
        Properties properties = common(request);
        properties.put("enable.auto.commit", "false");
        try (var consumer = new KafkaConsumer<>(properties, new ByteArrayDeserializer(), new ByteArrayDeserializer())) {
            consumer.assign(List.of(partition));
            consumer.seek(partition, request.get("offset").asLong());
            for (long until = System.nanoTime() + 60_000_000_000L; records.size() < count; ) {
                if (System.nanoTime() > until) throw new IllegalStateException("only " + records.size() + " records came");
                for (ConsumerRecord<byte[], byte[]> record : consumer.poll(Duration.ofMillis(500))) {
                    if (records.size() == count) break;
                    ObjectNode out = records.addObject();
                    out.put("offset", record.offset()).put("timestamp", record.timestamp());
                    out.put("key", text(record.key()));
                    put(out, record.value());
                    ArrayNode headers = out.putArray("headers");
                    for (Header header : record.headers()) headers.addArray().add(header.key()).add(text(header.value()));
                }
            }
        }
    }

    static String text(byte[] bytes) {
        return bytes == null ? null : new String(bytes, StandardCharsets.UTF_8);
    }

    private static void put(ObjectNode out, byte[] value) throws Exception {
        if (value == null || value.length <= 4096) {
            out.put("value", text(value));
            return;
        }
        String digest = HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(value));
        out.putObject("value").put("bytes", value.length).put("sha256", digest);
    }

    private static void administer(String op, Admin admin, JsonNode request, ObjectNode answer) throws Exception {
        String topic = request.path("topic").asText();
        ConfigResource resource = new ConfigResource(ConfigResource.Type.TOPIC, topic);
        switch (op) {
            case "offsets" -> {
                TopicPartition partition = new TopicPartition(topic, request.get("partition").asInt());
                ArrayNode offsets = answer.putArray("offsets");
                for (JsonNode at : request.get("at")) {
                    OffsetSpec spec = at.asLong() == -2 ? OffsetSpec.earliest()
                            : at.asLong() == -1 ? OffsetSpec.latest() : OffsetSpec.forTimestamp(at.asLong());
                    offsets.add(admin.listOffsets(Map.of(partition, spec)).partitionResult(partition).get().offset());
                }
            }
            case "createTopic" -> {
                Map<String, String> configs = JSON.convertValue(request.get("configs"), Map.class);
                NewTopic created = new NewTopic(topic, request.get("partitions").asInt(), (short) 1).configs(configs);
                admin.createTopics(List.of(created)).all().get();
            }
            case "deleteTopic" -> admin.deleteTopics(List.of(topic)).all().get();
            case "listTopics" -> {
                ArrayNode topics = answer.putArray("topics");
                admin.listTopics().names().get().forEach(topics::add);
            }
            case "describeTopic" -> {
                var described = admin.describeTopics(List.of(topic)).allTopicNames().get().get(topic);
                answer.put("partitions", described.partitions().size());
            }
            case "createPartitions" ->
                admin.createPartitions(Map.of(topic, NewPartitions.increaseTo(request.get("total").asInt()))).all().get();
            case "describeConfigs" -> {
                var config = admin.describeConfigs(List.of(resource)).all().get().get(resource);
                ObjectNode configs = answer.putObject("configs");
                for (JsonNode name : request.get("names")) {
                    configs.put(name.asText(), config.get(name.asText()).value());
                }
            }
            case "alterConfigs" -> {
                Collection<AlterConfigOp> ops = new ArrayList<>();
                request.get("set").fields().forEachRemaining(entry -> ops.add(new AlterConfigOp(
                        new ConfigEntry(entry.getKey(), entry.getValue().asText()), AlterConfigOp.OpType.SET)));
                admin.incrementalAlterConfigs(Map.of(resource, ops)).all().get();
            }
            default -> throw new IllegalArgumentException("unknown op " + op);
        }
    }
}
