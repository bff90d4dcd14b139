import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import java.io.BufferedWriter;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.LocalDate;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.Deserializer;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.serialization.Serializer;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.state.KeyValueStore;

/**
 * The totals of each subject by Kafka Streams, exactly once: sum of fines, events, last day, band.
 *
 * <p>Reads a ledger's topic from its beginning to the end that it has at the start, writes the rows
 * that were committed as TSV, and says in JSON how many records it were and how long they took:
 * from the first one to the last commit, without the start of the JVM and of the group. It checks
 * neither chain nor signatures.
 *
 * <p>Arguments: address, topic, id of the application (a new one), folder for its state, TSV file.
 */
public final class SubjectTotals {
    private static final String STORE = "totals";
    private static final String LEDGER = "ledger"; // the stream of the ledger's own records
    private static final long GIVE_UP_MINUTES = 60;
    private static final int COMMIT_EVERY_MS = 1_000; // ten times its default: fewer transactions
    private static final JsonFactory JSON = new JsonFactory();

    /** What a record tells: of these facts each may be missing. */
    record Told(long cents, Integer day) {}

    /** By the sum of the fines, as in totals.py. */
    enum Band {
        NONE,
        LOW,
        MIDDLE,
        HIGH;

        static Band of(long cents) {
            return cents == 0 ? NONE
                    : cents < 1_000_000 ? LOW
                    : cents < 10_000_000 ? MIDDLE
                    : HIGH;
        }
    }

    /** The row of a subject; days are counted from 1970. */
    record Total(long cents, int events, Integer lastDay, Band band) {
        static final Total NONE = new Total(0, 0, null, Band.NONE);
        private static final int NO_DAY = Integer.MIN_VALUE;

        Total with(Told told) {
            long sum = cents + told.cents;
            boolean isLater = lastDay == null || told.day != null && told.day > lastDay;
            return new Total(sum, events + 1, isLater ? told.day : lastDay, Band.of(sum));
        }

        byte[] bytes() {
            return ByteBuffer.allocate(17)
                    .putLong(cents)
                    .putInt(events)
                    .putInt(lastDay == null ? NO_DAY : lastDay)
                    .put((byte) band.ordinal())
                    .array();
        }

        static Total of(byte[] bytes) {
            ByteBuffer buffer = ByteBuffer.wrap(bytes);
            long cents = buffer.getLong();
            int events = buffer.getInt();
            int day = buffer.getInt();
            Band band = Band.values()[buffer.get()];
            return new Total(cents, events, day == NO_DAY ? null : day, band);
        }

        String tsv(String subject) {
            String last = lastDay == null ? "" : LocalDate.ofEpochDay(lastDay).toString();
            String name = band.name().toLowerCase(Locale.ROOT);
            return String.join("\t", subject, "" + cents, "" + events, last, name);
        }
    }

    private final String address;
    private final String topic;
    private final String application;
    private final long end;
    private final CountDownLatch reached = new CountDownLatch(1);
    private long count; // of the one thread that streams
    private volatile long begunNanos;

    private SubjectTotals(String address, String topic, String application) {
        this.address = address;
        this.topic = topic;
        this.application = application;
        TopicPartition partition = new TopicPartition(topic, 0);
        try (Consumer<String, byte[]> consumer = consumer()) {
            end = consumer.endOffsets(List.of(partition)).get(partition);
        }
    }

    public static void main(String[] given) throws Exception {
        SubjectTotals totals = new SubjectTotals(given[0], given[1], given[2]);
        double seconds = totals.run(given[3]);
        totals.write(Path.of(given[4]));
        System.out.printf("{\"records\": %d, \"seconds\": %.6f}%n", totals.count, seconds);
    }

    private double run(String folder) throws InterruptedException {
        boolean isWhole;
        try (KafkaStreams streams = new KafkaStreams(topology(), settings(folder))) {
            streams.start();
            isWhole = reached.await(GIVE_UP_MINUTES, TimeUnit.MINUTES);
        } // which commits what is left
        double seconds = (System.nanoTime() - begunNanos) / 1e9;
        if (!isWhole) {
            throw new IllegalStateException("the end of the topic was not reached");
        }
        return seconds;
    }

    private Topology topology() {
        StreamsBuilder builder = new StreamsBuilder();
        builder.stream(topic, Consumed.with(Serdes.String(), Serdes.ByteArray()))
                .peek((subject, value) -> counted())
                .filter((subject, value) -> !subject.equals(LEDGER))
                .groupByKey() // the key of a record is its subject
                .aggregate(
                        () -> Total.NONE,
                        (subject, value, total) -> total.with(told(value)),
                        Materialized.<String, Total, KeyValueStore<Bytes, byte[]>>as(STORE)
                                .withKeySerde(Serdes.String())
                                .withValueSerde(totals()));
        return builder.build();
    }

    private void counted() {
        if (count++ == 0) {
            begunNanos = System.nanoTime();
        }
        if (count == end) {
            reached.countDown();
        }
    }

    private Properties settings(String folder) {
        Properties settings = new Properties();
        settings.put(StreamsConfig.APPLICATION_ID_CONFIG, application);
        settings.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, address);
        settings.put(StreamsConfig.STATE_DIR_CONFIG, folder);
        settings.put(StreamsConfig.PROCESSING_GUARANTEE_CONFIG, StreamsConfig.EXACTLY_ONCE_V2);
        settings.put(StreamsConfig.COMMIT_INTERVAL_MS_CONFIG, COMMIT_EVERY_MS);
        settings.put(StreamsConfig.STATESTORE_CACHE_MAX_BYTES_CONFIG, 64L * 1024 * 1024);
        settings.put(StreamsConfig.consumerPrefix(ConsumerConfig.AUTO_OFFSET_RESET_CONFIG), "earliest");
        settings.put(StreamsConfig.consumerPrefix(ConsumerConfig.MAX_POLL_RECORDS_CONFIG), 5_000);
        settings.put(
                StreamsConfig.consumerPrefix(ConsumerConfig.MAX_PARTITION_FETCH_BYTES_CONFIG),
                8 * 1024 * 1024);
        return settings;
    }

    /** What a record in JSON tells; whatever else it holds is passed over as it is read. */
    private static Told told(byte[] value) {
        long cents = 0;
        Integer day = null;
        try (JsonParser parser = JSON.createParser(value)) {
            enter(parser, "data");
            while (parser.nextToken() == JsonToken.FIELD_NAME) {
                String name = parser.currentName();
                JsonToken token = parser.nextToken();
                if (token == JsonToken.VALUE_STRING && name.equals("fine")) {
                    cents = Long.parseLong(parser.getText().replace(".", "")); // two decimals, always
                } else if (token == JsonToken.VALUE_STRING && name.equals("effective_on")) {
                    day = (int) LocalDate.parse(parser.getText()).toEpochDay();
                } else {
                    parser.skipChildren();
                }
            }
            return new Told(cents, day);
        } catch (IOException error) {
            throw new UncheckedIOException(error);
        }
    }

    /** Go to the first field of the object that is the value of this field of the outer one. */
    private static void enter(JsonParser parser, String field) throws IOException {
        parser.nextToken();
        while (parser.nextToken() == JsonToken.FIELD_NAME) {
            boolean isFound = parser.currentName().equals(field);
            parser.nextToken();
            if (isFound) {
                return;
            }
            parser.skipChildren();
        }
        throw new IOException("a record without " + field);
    }

    private static Serde<Total> totals() {
        Serializer<Total> serializer = (topic, total) -> total == null ? null : total.bytes();
        Deserializer<Total> deserializer = (topic, bytes) -> bytes == null ? null : Total.of(bytes);
        return Serdes.serdeFrom(serializer, deserializer);
    }

    /** The rows as they were committed: what the store would be restored from. */
    private void write(Path file) throws IOException {
        TopicPartition changes = new TopicPartition(application + "-" + STORE + "-changelog", 0);
        Map<String, Total> rows = new HashMap<>();
        try (Consumer<String, byte[]> consumer = consumer()) {
            consumer.assign(List.of(changes));
            consumer.seekToBeginning(List.of(changes));
            long last = consumer.endOffsets(List.of(changes)).get(changes);
            while (consumer.position(changes) < last) {
                for (ConsumerRecord<String, byte[]> one : consumer.poll(Duration.ofSeconds(10))) {
                    rows.put(one.key(), Total.of(one.value()));
                }
            }
        }
        try (BufferedWriter lines = Files.newBufferedWriter(file)) {
            for (Map.Entry<String, Total> row : rows.entrySet()) {
                lines.write(row.getValue().tsv(row.getKey()));
                lines.newLine();
            }
        }
    }

    private Consumer<String, byte[]> consumer() {
        Properties settings = new Properties();
        settings.put(ConsumerConfig.BOOTSTRAP_SERVERS_CONFIG, address);
        settings.put(ConsumerConfig.ISOLATION_LEVEL_CONFIG, "read_committed");
        settings.put(ConsumerConfig.ENABLE_AUTO_COMMIT_CONFIG, false);
        return new KafkaConsumer<>(settings, new StringDeserializer(), new ByteArrayDeserializer());
    }
}
