package codedelivery.connect;

import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.apache.kafka.connect.sink.SinkRecord;

/** A position under `deliveryId:seq`, its [lat, lng] turned into a geo_point. The ancestor's records, which have four fields, get their identity from Kafka. */
final class PositionDocument implements Document {
    private static final int MAX_BYTES = 16 * 1024;
    private static final long MAX_SEQ = 99_999_999;
    private static final long MAX_OFFSET = 1L << 53;
    private static final int ROUTE = 0;
    private static final int CLIENT = 1;
    private static final int POSITION = 2;
    private static final int FINISHED = 3;
    private static final int DELIVERY = 4;
    private static final int DRIVER = 5;
    private static final int RUN = 6;
    private static final int SEQ = 7;
    private static final int TIME = 8;
    private static final int SPEED = 9;
    private static final int BEARING = 10;
    private static final int DISTANCE = 11;
    private static final byte[] ID_END = bytes("\"}}\n{\"finished\":");
    private static final byte[] LOCATION = bytes(",\"location\":{\"lat\":");
    private static final byte[] LON = bytes(",\"lon\":");
    private static final byte[] BEARING_ZERO = bytes(",\"bearing\":0.0");
    private static final byte[] TRUE = bytes("true");
    private static final byte[] FALSE = bytes("false");

    private final CheckedFields fields = new CheckedFields(
        MAX_BYTES, "routeId", "clientId", "position", "finished", "deliveryId", "driverId", "runId", "seq", "eventTime", "speed", "bearing", "distance");
    private final JsonCursor pair = new JsonCursor();
    private final IndexNames indices;
    private double lat;
    private double lng;
    private int latStart;
    private int latEnd;
    private int lngStart;
    private int lngEnd;

    PositionDocument(IndexNames indices) {
        this.indices = indices;
    }

    @Override
    public IndexNames indices() {
        return indices;
    }

    @Override
    public void write(SinkRecord record, Bytes lines) {
        byte[] json = JsonText.of(record.value());
        fields.read(json);
        checkAncestorsFields(json);
        boolean isAncestors = isAncestors();
        if (isAncestors) {
            json = completed(json, record);
            fields.read(json);
            checkAncestorsFields(json);
        }
        for (int field = DELIVERY; field <= RUN; field++) {
            fields.id(field);
        }
        long seq = fields.whole(SEQ, 0, isAncestors ? MAX_OFFSET : MAX_SEQ);
        long timeMs = fields.whole(TIME, 0, 9_999_999_999_999L);
        fields.number(SPEED, 0, 99.99);
        double bearing = fields.number(BEARING, 0, 360);
        fields.number(DISTANCE, 0, 9_999_999.9);
        byte[] index = indices.at(timeMs, "eventTime");

        Document.create(index, lines);
        fields.copyId(DELIVERY, lines);
        lines.add(":").add(seq).add(ID_END).add(fields.flag(FINISHED) ? TRUE : FALSE);
        lines.add(LOCATION).add(json, latStart, latEnd).add(LON).add(json, lngStart, lngEnd).add("}");
        fields.copy(ROUTE, lines);
        fields.copy(CLIENT, lines);
        for (int field = DELIVERY; field <= RUN; field++) {
            fields.copy(field, lines);
        }
        fields.put(SEQ, seq, lines);
        fields.put(TIME, timeMs, lines);
        fields.copy(SPEED, lines);
        if (bearing == 360) {
            lines.add(BEARING_ZERO);
        } else {
            fields.copy(BEARING, lines);
        }
        fields.copy(DISTANCE, lines);
        lines.add("}\n");
    }

    @Override
    public Map<String, Object> message() {
        Map<String, Object> message = fields.values(Set.of("seq", "eventTime"));
        message.put("position", List.of(lat, lng));
        message.put("location", Map.of("type", "Point", "coordinates", List.of(lng, lat))); // GeoJSON: longitude first
        message.computeIfPresent("bearing", (name, bearing) -> bearing.equals(360.0) ? 0.0 : bearing);
        return message;
    }

    private void checkAncestorsFields(byte[] json) {
        fields.id(ROUTE);
        fields.id(CLIENT);
        checkPosition(json);
        fields.flag(FINISHED);
    }

    private void checkPosition(byte[] json) {
        JsonFields raw = fields.raw();
        if (raw.kind(POSITION) != JsonKind.ARRAY) {
            throw fields.refused(POSITION, "[lat, lng]");
        }
        pair.over(json, raw.start(POSITION), raw.end(POSITION));
        pair.expect('[');
        lat = coordinate();
        latStart = pair.valueStart();
        latEnd = pair.valueEnd();
        if (!pair.take(',')) {
            throw fields.refused(POSITION, "[lat, lng]");
        }
        lng = coordinate();
        lngStart = pair.valueStart();
        lngEnd = pair.valueEnd();
        if (!pair.take(']')) {
            throw fields.refused(POSITION, "[lat, lng]");
        }
        if (!(Math.abs(lat) <= 90 && Math.abs(lng) <= 180)) {
            throw fields.refused(POSITION, "[lat, lng], lat a number from -90 to 90 and lng from -180 to 180");
        }
    }

    private double coordinate() {
        if (pair.take(']') || pair.value() != JsonKind.NUMBER) {
            throw fields.refused(POSITION, "[lat, lng]");
        }
        return CheckedFields.decimal(fields.raw().text(POSITION), pair.valueStart(), pair.valueEnd());
    }

    private boolean isAncestors() {
        for (int field = DELIVERY; field <= DISTANCE; field++) {
            if (!fields.isAbsent(field)) {
                return false;
            }
        }
        return true;
    }

    /** The ancestor's record as one of ours: `routeId:clientId` as delivery and driver, the record's offset as seq and its timestamp as time. */
    private byte[] completed(byte[] json, SinkRecord record) {
        String delivery = fields.string(ROUTE) + ":" + fields.string(CLIENT);
        long timeMs = record.timestamp() == null ? 0 : Math.max(record.timestamp(), 0);
        String rest = ",\"deliveryId\":\"%s\",\"driverId\":\"%s\",\"runId\":\"external\",\"seq\":%d,\"eventTime\":%d,\"speed\":0.0,\"bearing\":0.0,\"distance\":0.0}"
            .formatted(delivery, delivery, record.originalKafkaOffset(), timeMs);
        int brace = json.length - 1;
        while (json[brace] != '}') {
            brace--;
        }
        return new Bytes(json.length + rest.length()).add(json, 0, brace).add(rest).toArray();
    }

    private static byte[] bytes(String ascii) {
        return ascii.getBytes(StandardCharsets.US_ASCII);
    }
}
