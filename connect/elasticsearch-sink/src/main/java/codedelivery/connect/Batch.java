package codedelivery.connect;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.connect.sink.SinkRecord;

/** The lines of one bulk request, the record that each document came from, and the first offset of each partition among them. */
final class Batch {
    private final Bytes lines;
    private final List<SinkRecord> records = new ArrayList<>();
    private final List<Integer> ends = new ArrayList<>();
    private final Map<TopicPartition, Long> firstOffsets = new HashMap<>();

    Batch(int room) {
        lines = new Bytes(room);
    }

    int size() {
        return records.size();
    }

    boolean isEmpty() {
        return records.isEmpty();
    }

    Bytes lines() {
        return lines;
    }

    SinkRecord record(int item) {
        return records.get(item);
    }

    /** Add a record's document; the batch stays as it was if the record is malformed. */
    void add(SinkRecord record, TopicPartition partition, Document document) {
        int before = lines.size();
        try {
            document.write(record, lines);
        } catch (MalformedRecord error) {
            lines.cut(before);
            throw error;
        }
        note(record, partition);
    }

    /** The first offset of a partition in this batch, or `otherwise` if there is none. */
    long firstOffset(TopicPartition partition, long otherwise) {
        return firstOffsets.getOrDefault(partition, otherwise);
    }

    /** A batch of some of this one's documents. */
    Batch only(List<Integer> items) {
        Batch part = new Batch(1024);
        for (int item : items) {
            part.lines.add(lines.array(), item == 0 ? 0 : ends.get(item - 1), ends.get(item));
            SinkRecord record = records.get(item);
            part.note(record, partitionOf(record));
        }
        return part;
    }

    static TopicPartition partitionOf(SinkRecord record) {
        return new TopicPartition(record.originalTopic(), record.originalKafkaPartition());
    }

    private void note(SinkRecord record, TopicPartition partition) {
        records.add(record);
        ends.add(lines.size());
        firstOffsets.putIfAbsent(partition, record.originalKafkaOffset());
    }
}
