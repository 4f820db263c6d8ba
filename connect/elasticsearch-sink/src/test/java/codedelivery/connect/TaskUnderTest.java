package codedelivery.connect;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Future;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.metrics.PluginMetrics;
import org.apache.kafka.common.record.TimestampType;
import org.apache.kafka.connect.sink.ErrantRecordReporter;
import org.apache.kafka.connect.sink.SinkRecord;
import org.apache.kafka.connect.sink.SinkTaskContext;

/** A task as Connect runs it: it is given records, asked for offsets, and tells what is errant. */
final class TaskUnderTest implements SinkTaskContext, ErrantRecordReporter {
    static final String POSITIONS = "route.new-position";
    static final String EVENTS = "delivery.event";
    static final String REQUESTS = "route.new-direction";
    /** 2026-11-23 04:05:06 UTC. */
    static final long TIME = 1_795_406_706_000L;

    final ElasticsearchSinkTask task = new ElasticsearchSinkTask();
    final Map<SinkRecord, Throwable> reported = new LinkedHashMap<>();
    private final Map<String, String> properties = new HashMap<>();
    private final Map<TopicPartition, Long> delivered = new HashMap<>();
    private boolean hasReporter = true;
    long timeoutMs = -1;

    TaskUnderTest(String url, String... settings) {
        properties.put(SinkSettings.URL, url);
        properties.put(SinkSettings.PREFIX, "p");
        properties.put(SinkSettings.BACKOFF, "1");
        for (int i = 0; i < settings.length; i += 2) {
            properties.put(settings[i], settings[i + 1]);
        }
    }

    TaskUnderTest withoutReporter() {
        hasReporter = false;
        return this;
    }

    TaskUnderTest start() {
        task.initialize(this);
        task.start(properties);
        return this;
    }

    void put(SinkRecord... records) {
        put(List.of(records));
    }

    void put(Collection<SinkRecord> records) {
        task.put(records);
        for (SinkRecord record : records) {
            delivered.put(new TopicPartition(record.topic(), record.kafkaPartition()), record.kafkaOffset() + 1);
        }
    }

    /** Store everything, and return the offsets that may be committed. */
    Map<TopicPartition, Long> commit() {
        Map<TopicPartition, OffsetAndMetadata> current = new HashMap<>();
        delivered.forEach((partition, offset) -> current.put(partition, new OffsetAndMetadata(offset)));
        Map<TopicPartition, Long> found = new HashMap<>();
        task.preCommit(current).forEach((partition, offset) -> found.put(partition, offset.offset()));
        return found;
    }

    static SinkRecord record(String topic, int partition, long offset, Object value) {
        return new SinkRecord(topic, partition, null, null, null, value, offset, TIME, TimestampType.CREATE_TIME);
    }

    static SinkRecord position(int partition, long offset) {
        return record(POSITIONS, partition, offset, position("d-" + partition, offset, TIME));
    }

    /** As our encoder writes it. */
    static byte[] position(String delivery, long seq, long timeMs) {
        return ("{\"routeId\":\"1\"       ,\"clientId\":\"client-1\",\"position\":[-15.8259400, -47.9292300],\"finished\":false,\"deliveryId\":\"" + delivery
            + "\"     ,\"driverId\":\"car-1\"   ,\"runId\":\"live\"    ,\"seq\":" + "%8d".formatted(seq) + ",\"eventTime\":" + "%13d".formatted(timeMs)
            + ",\"speed\":12.34,\"bearing\":123.4,\"distance\":   1234.5}").getBytes(StandardCharsets.UTF_8);
    }

    @Override
    public Future<Void> report(SinkRecord record, Throwable error) {
        reported.put(record, error);
        return CompletableFuture.completedFuture(null);
    }

    @Override
    public ErrantRecordReporter errantRecordReporter() {
        return hasReporter ? this : null;
    }

    @Override
    public Map<String, String> configs() {
        return properties;
    }

    @Override
    public void timeout(long ms) {
        timeoutMs = ms;
    }

    @Override
    public Set<TopicPartition> assignment() {
        return delivered.keySet();
    }

    @Override
    public void offset(Map<TopicPartition, Long> offsets) {
        throw new UnsupportedOperationException("the task never rewinds");
    }

    @Override
    public void offset(TopicPartition partition, long offset) {
        throw new UnsupportedOperationException("the task never rewinds");
    }

    @Override
    public void pause(TopicPartition... partitions) {
        throw new UnsupportedOperationException("Connect pauses, not the task");
    }

    @Override
    public void resume(TopicPartition... partitions) {
        throw new UnsupportedOperationException("Connect resumes, not the task");
    }

    @Override
    public PluginMetrics pluginMetrics() {
        throw new UnsupportedOperationException("Connect's own metrics are enough");
    }

    @Override
    public void requestCommit() {
        throw new UnsupportedOperationException("Connect decides when offsets are committed");
    }

    List<String> reasons() {
        List<String> reasons = new ArrayList<>();
        reported.values().forEach(error -> reasons.add(error.getMessage()));
        return reasons;
    }
}
