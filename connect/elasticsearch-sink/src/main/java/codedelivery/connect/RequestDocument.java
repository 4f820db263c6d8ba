package codedelivery.connect;

import java.util.Map;
import java.util.Set;
import org.apache.kafka.connect.sink.SinkRecord;

/** A request to start a delivery, under `topic-partition-offset`: a request has no identity of its own, and two equal ones are two. */
final class RequestDocument implements Document {
    private static final int ROUTE = 0;
    private static final int CLIENT = 1;
    private static final int VEHICLE = 4;
    private static final int DEPART_AT = 5;

    private final CheckedFields fields =
        new CheckedFields(MAX_MESSAGE_BYTES, "routeId", "clientId", "deliveryId", "driverId", "vehicle", "departAt");
    private final IndexNames indices;

    RequestDocument(IndexNames indices) {
        this.indices = indices;
    }

    @Override
    public IndexNames indices() {
        return indices;
    }

    @Override
    public void write(SinkRecord record, Bytes lines) {
        fields.read(JsonText.of(record.value()));
        fields.id(ROUTE);
        fields.id(CLIENT);
        for (int field = CLIENT + 1; field <= VEHICLE; field++) {
            fields.optionalId(field);
        }
        long departAt = fields.count(DEPART_AT, 0);
        long requestedAt = record.timestamp() == null ? 0 : record.timestamp();
        byte[] index = indices.at(requestedAt, "the record's timestamp");

        Document.create(index, lines);
        lines.add(record.originalTopic()).add("-").add(record.originalKafkaPartition()).add("-").add(record.originalKafkaOffset());
        lines.add("\"}}\n{\"requestedAt\":").add(requestedAt);
        for (int field = ROUTE; field <= VEHICLE; field++) {
            fields.copy(field, lines);
        }
        if (!fields.isNone(DEPART_AT)) {
            fields.put(DEPART_AT, departAt, lines);
        }
        lines.add("}\n");
    }

    @Override
    public Map<String, Object> message() {
        return fields.values(Set.of("departAt"));
    }
}
