package codedelivery.connect;

import java.util.Map;
import java.util.Set;
import org.apache.kafka.connect.sink.SinkRecord;

/** What happened to a delivery, under `deliveryId:seq`, its fields as they are on the wire. */
final class EventDocument implements Document {
    private static final Set<String> KINDS =
        Set.of("started", "stopped", "resumed", "arrived_at_stop", "delivered", "cancelled", "suspended", "rejected", "fault");
    private static final Set<String> FINAL_KINDS = Set.of("delivered", "cancelled", "suspended", "rejected");
    private static final int DELIVERY = 0;
    private static final int VEHICLE = 5;
    private static final int KIND = 6;
    private static final int SEQ = 7;
    private static final int TIME = 8;
    private static final int DISTANCE = 9;
    private static final int ROUTE_LENGTH = 10;
    private static final int PLANNED_ARRIVAL = 11;
    private static final int POSITIONS = 12;
    private static final int STOP = 13;
    private static final int REASON = 14;
    private static final int FAULT = 15;
    private static final int FROM_SEQ = 16;
    private static final int TO_SEQ = 17;

    private final CheckedFields fields = new CheckedFields(
        MAX_MESSAGE_BYTES, "deliveryId", "runId", "routeId", "clientId", "driverId", "vehicle", "kind", "seq", "eventTime", "distance", "routeLength",
        "plannedArrival", "positions", "stop", "reason", "fault", "fromSeq", "toSeq");
    private final IndexNames indices;

    EventDocument(IndexNames indices) {
        this.indices = indices;
    }

    @Override
    public IndexNames indices() {
        return indices;
    }

    @Override
    public void write(SinkRecord record, Bytes lines) {
        fields.read(JsonText.of(record.value()));
        for (int field = DELIVERY; field <= VEHICLE; field++) {
            fields.id(field);
        }
        fields.optionalId(FAULT);
        checkKind();
        long seq = fields.count(SEQ, 0);
        long timeMs = fields.count(TIME, 0);
        fields.optionalNumber(DISTANCE, 0, Double.MAX_VALUE);
        fields.optionalNumber(ROUTE_LENGTH, 0, Double.MAX_VALUE);
        for (int field = PLANNED_ARRIVAL; field <= STOP; field++) {
            fields.count(field, 0);
        }
        fields.count(FROM_SEQ, 0);
        fields.count(TO_SEQ, 0);
        fields.optionalText(REASON);
        byte[] index = indices.at(timeMs, "eventTime");

        Document.create(index, lines);
        fields.copyId(DELIVERY, lines);
        lines.add(":").add(seq).add("\"}}\n{\"seq\":").add(seq);
        for (int field = DELIVERY; field <= KIND; field++) {
            fields.copy(field, lines);
        }
        fields.put(TIME, timeMs, lines);
        if (fields.isNone(DISTANCE)) {
            fields.put(DISTANCE, 0, lines);
        }
        fields.copy(DISTANCE, lines);
        fields.copy(ROUTE_LENGTH, lines);
        for (int field = PLANNED_ARRIVAL; field <= STOP; field++) {
            copyCount(field, lines);
        }
        fields.copy(REASON, lines);
        fields.copy(FAULT, lines);
        copyCount(FROM_SEQ, lines);
        copyCount(TO_SEQ, lines);
        lines.add("}\n");
    }

    private void copyCount(int field, Bytes lines) {
        if (!fields.isNone(field)) {
            fields.put(field, fields.count(field, 0), lines);
        }
    }

    @Override
    public Map<String, Object> message() {
        Map<String, Object> message = fields.values(Set.of("seq", "eventTime", "plannedArrival", "positions", "stop", "fromSeq", "toSeq"));
        message.putIfAbsent("seq", 0L);
        message.putIfAbsent("distance", 0.0);
        return message;
    }

    private void checkKind() {
        boolean isText = fields.raw().kind(KIND) == JsonKind.STRING || fields.raw().kind(KIND) == JsonKind.ESCAPED;
        String kind = isText ? fields.string(KIND) : "";
        if (!KINDS.contains(kind)) {
            throw fields.refused(KIND, "one of " + String.join(", ", KINDS.stream().sorted().toList()));
        }
        if (FINAL_KINDS.contains(kind) && fields.isNone(POSITIONS)) {
            throw new MalformedRecord("kind \"" + kind + "\" must say how many positions there are");
        }
        if (kind.equals("fault") && (fields.isNone(FAULT) || fields.isNone(FROM_SEQ) || fields.isNone(TO_SEQ))) {
            throw new MalformedRecord("kind \"fault\" must say which fault it is, and its positions");
        }
    }
}
