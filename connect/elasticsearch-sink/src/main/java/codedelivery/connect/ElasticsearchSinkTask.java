package codedelivery.connect;

import java.io.IOException;
import java.util.Collection;
import java.util.HashMap;
import java.util.Map;
import java.util.SplittableRandom;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.connect.errors.ConnectException;
import org.apache.kafka.connect.errors.RetriableException;
import org.apache.kafka.connect.sink.ErrantRecordReporter;
import org.apache.kafka.connect.sink.SinkRecord;
import org.apache.kafka.connect.sink.SinkTask;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Records into bulk requests, and offsets out of those that are stored.
 *
 * <p>A document is made as soon as its record comes. A request is sent when it is full, or when none is under way: a busy sink gathers, an idle one waits for
 * nothing. Offsets never pass a record that is neither stored nor reported, so a task that dies has lost nothing, and what is delivered again meets its own id.
 */
public final class ElasticsearchSinkTask extends SinkTask {
    private static final Logger log = LoggerFactory.getLogger(ElasticsearchSinkTask.class);
    private static final long LINGER_MS = 20;
    private static final int TYPICAL_BYTES = 400;

    private ElasticsearchClient client;
    private ErrantRecordReporter reporter;
    private Map<String, Document> documents = Map.of();
    private BulkQueue queue;
    private Batch gathered;
    private int batchRecords;
    private int batchBytes;
    private boolean templatesFound;
    /** Of each partition the offset after the last record taken: what Connect delivers again after a pause was taken already. */
    private final Map<TopicPartition, Long> taken = new HashMap<>();

    @Override
    public String version() {
        return ElasticsearchSinkConnector.versionOfJar();
    }

    @Override
    public void start(Map<String, String> properties) {
        SinkSettings settings = new SinkSettings(properties);
        batchRecords = settings.getInt(SinkSettings.BATCH_RECORDS);
        batchBytes = settings.getInt(SinkSettings.BATCH_BYTES);
        client = new ElasticsearchClient(settings);
        reporter = settings.getString(SinkSettings.MALFORMED).equals("report") ? context.errantRecordReporter() : null;
        documents = Map.of(
            settings.getString(SinkSettings.POSITIONS), new PositionDocument(settings.indexNames("positions")),
            settings.getString(SinkSettings.EVENTS), new EventDocument(settings.indexNames("events")),
            settings.getString(SinkSettings.REQUESTS), new RequestDocument(settings.indexNames("requests")));
        Backoff backoff = new Backoff(settings.getInt(SinkSettings.BACKOFF), new SplittableRandom());
        queue = new BulkQueue(client, settings.getInt(SinkSettings.IN_FLIGHT), settings.getInt(SinkSettings.RETRIES), backoff, this::refuse);
        gathered = newBatch();
    }

    @Override
    public void put(Collection<SinkRecord> records) {
        try {
            queue.settleFinished(); // what failed before comes first, and nothing is taken until it is stored
            for (SinkRecord record : records) {
                take(record);
            }
            if (!gathered.isEmpty()) {
                if (queue.isIdle()) {
                    sendGathered();
                } else {
                    context.timeout(LINGER_MS);
                }
            }
        } catch (RetriableException error) {
            log.warn("Connect will deliver again: {}", error.getMessage());
            context.timeout(Backoff.LONGEST_MS);
            throw error;
        }
    }

    /** Give the offsets up to which all is stored; what is under way is waited for, unless Elasticsearch is away. */
    @Override
    public Map<TopicPartition, OffsetAndMetadata> preCommit(Map<TopicPartition, OffsetAndMetadata> delivered) {
        try {
            flush(delivered);
        } catch (ConnectException error) { // thrown again by the next put, which sends it again
            log.warn("Offsets are committed only up to what is stored: {}", error.getMessage());
        }
        Map<TopicPartition, OffsetAndMetadata> stored = new HashMap<>();
        delivered.forEach((partition, offset) -> {
            long first = gathered.firstOffset(partition, offset.offset());
            stored.put(partition, new OffsetAndMetadata(Math.min(offset.offset(), queue.firstUnsettled(partition, first))));
        });
        return stored;
    }

    /** Store everything taken so far. */
    @Override
    public void flush(Map<TopicPartition, OffsetAndMetadata> delivered) {
        if (!gathered.isEmpty()) {
            sendGathered();
        }
        queue.settleAll();
    }

    @Override
    public void open(Collection<TopicPartition> partitions) {
        partitions.forEach(taken::remove);
    }

    /** Documents of partitions that go away may still be under way: the next owner of these partitions writes them under the same ids. */
    @Override
    public void close(Collection<TopicPartition> partitions) {
        partitions.forEach(taken::remove);
    }

    @Override
    public void stop() {
        queue = null; // the client's threads end with it; what was not stored is delivered to the next task
        client = null;
    }

    private void take(SinkRecord record) {
        TopicPartition partition = Batch.partitionOf(record);
        long offset = record.originalKafkaOffset();
        if (offset < taken.getOrDefault(partition, 0L)) {
            return;
        }
        try {
            Document document = documents.get(record.topic());
            if (document == null) {
                throw new MalformedRecord("topic must be one of " + String.join(", ", documents.keySet().stream().sorted().toList()) + ", found " + record.topic());
            }
            gathered.add(record, partition, document);
        } catch (MalformedRecord error) {
            refuse(record, error);
        }
        taken.put(partition, offset + 1);
        if (gathered.size() >= batchRecords || gathered.lines().size() >= batchBytes) {
            sendGathered();
        }
    }

    private void sendGathered() {
        requireTemplates();
        Batch full = gathered;
        gathered = newBatch();
        queue.send(full);
    }

    private Batch newBatch() {
        return new Batch(Math.min(batchBytes, batchRecords * TYPICAL_BYTES));
    }

    private void refuse(SinkRecord record, MalformedRecord error) {
        String place = record.originalTopic() + "-" + record.originalKafkaPartition() + "-" + record.originalKafkaOffset();
        if (reporter == null) {
            throw new ConnectException("record " + place + " can never be stored: " + error.getMessage(), error);
        }
        log.debug("{} is reported: {}", place, error.getMessage());
        reporter.report(record, error);
    }

    /** Without its template an index would guess its fields at the first document, and a location would be no geo_point for ever. */
    private void requireTemplates() {
        if (templatesFound) {
            return;
        }
        for (Document document : documents.values()) {
            requireTemplate(document.indices().alias());
        }
        templatesFound = true;
    }

    private void requireTemplate(String name) {
        int status;
        try {
            status = client.templateStatus(name);
        } catch (IOException error) {
            String place = client.place();
            client.turn();
            throw new RetriableException(place + " cannot be reached: " + error, error);
        } catch (InterruptedException error) {
            Thread.currentThread().interrupt();
            throw new ConnectException("the task was interrupted", error);
        }
        if (status == 404) {
            throw new ConnectException(client.place() + " has no index template " + name + ": put it there first (code-delivery connect apply does)");
        }
        if (status == 429 || status >= 500) {
            throw new RetriableException(client.place() + " answered " + status + " when asked for the index template " + name);
        }
    }
}
