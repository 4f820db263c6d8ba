package codedelivery.connect;

import static codedelivery.connect.TaskUnderTest.EVENTS;
import static codedelivery.connect.TaskUnderTest.POSITIONS;
import static codedelivery.connect.TaskUnderTest.REQUESTS;
import static codedelivery.connect.TaskUnderTest.TIME;
import static codedelivery.connect.TaskUnderTest.record;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import java.util.Map;
import java.util.ServiceLoader;
import org.apache.kafka.common.config.ConfigException;
import org.apache.kafka.connect.sink.SinkRecord;
import org.apache.kafka.connect.transforms.Transformation;
import org.junit.jupiter.api.Test;

class CheckedMessageTest {
    private static CheckedMessage checked(String kind) {
        CheckedMessage checked = new CheckedMessage();
        checked.configure(Map.of("kind", kind));
        return checked;
    }

    @Test
    void aPositionGetsAGeoJsonPlaceBesideTheWiresFields() {
        try (CheckedMessage checked = checked("position")) {
            SinkRecord found = checked.apply(record(POSITIONS, 3, 42, TaskUnderTest.position("d-1", 7, TIME)));
            assertEquals(Map.ofEntries(
                Map.entry("routeId", "1"), Map.entry("clientId", "client-1"), Map.entry("position", List.of(-15.82594, -47.92923)), Map.entry("finished", false),
                Map.entry("deliveryId", "d-1"), Map.entry("driverId", "car-1"), Map.entry("runId", "live"), Map.entry("seq", 7L), Map.entry("eventTime", TIME),
                Map.entry("speed", 12.34), Map.entry("bearing", 123.4), Map.entry("distance", 1234.5),
                Map.entry("location", Map.of("type", "Point", "coordinates", List.of(-47.92923, -15.82594)))), found.value());
            assertEquals(List.of(POSITIONS, 3, 42L), List.of(found.topic(), found.kafkaPartition(), found.kafkaOffset()));
        }
    }

    @Test
    void theAncestorsRecordGetsItsIdentityFromKafka() {
        try (CheckedMessage checked = checked("position")) {
            Map<?, ?> found = (Map<?, ?>) checked.apply(record(POSITIONS, 3, 42, "{\"routeId\":\"1\",\"clientId\":\"c\",\"position\":[1,2],\"finished\":true}")).value();
            assertEquals(List.of("1:c", 42L, TIME, "external"), List.of(found.get("deliveryId"), found.get("seq"), found.get("eventTime"), found.get("runId")));
        }
    }

    @Test
    void anEventAndARequestKeepTheContractsFieldsOnly() {
        try (CheckedMessage events = checked("event"); CheckedMessage requests = checked("request")) {
            String event = "{\"deliveryId\":\"d\",\"runId\":\"r\",\"routeId\":\"1\",\"clientId\":\"c\",\"driverId\":\"x\",\"vehicle\":\"car\",\"kind\":\"rejected\","
                + "\"eventTime\":" + TIME + ",\"positions\":0,\"reason\":\"\\u00e9\",\"stop\":null,\"later\":1}";
            assertEquals(Map.ofEntries(
                Map.entry("deliveryId", "d"), Map.entry("runId", "r"), Map.entry("routeId", "1"), Map.entry("clientId", "c"), Map.entry("driverId", "x"),
                Map.entry("vehicle", "car"), Map.entry("kind", "rejected"), Map.entry("seq", 0L), Map.entry("eventTime", TIME), Map.entry("distance", 0.0),
                Map.entry("positions", 0L), Map.entry("reason", "é")), events.apply(record(EVENTS, 0, 0, event)).value());
            assertEquals(Map.of("routeId", "1", "clientId", "c", "departAt", 5L),
                requests.apply(record(REQUESTS, 0, 0, "{\"routeId\":\"1\",\"clientId\":\"c\",\"departAt\":5,\"x\":[]}")).value());
        }
    }

    @Test
    void aLabelOfAFaultKeepsItsPositions() {
        try (CheckedMessage events = checked("event")) {
            Map<?, ?> found = (Map<?, ?>) events.apply(record(EVENTS, 0, 0,
                "{\"deliveryId\":\"d\",\"runId\":\"r\",\"routeId\":\"1\",\"clientId\":\"c\",\"driverId\":\"x\",\"vehicle\":\"car\",\"kind\":\"fault\","
                + "\"seq\":3,\"eventTime\":" + TIME + ",\"fault\":\"lost\",\"fromSeq\":4,\"toSeq\":4}")).value();
            assertEquals(List.of("fault", "lost", 4L, 4L), List.of(found.get("kind"), found.get("fault"), found.get("fromSeq"), found.get("toSeq")));
        }
    }

    @Test
    void whatBreaksTheContractIsRefusedAndTheNextOneIsTaken() {
        try (CheckedMessage checked = checked("position")) {
            assertThrows(MalformedRecord.class, () -> checked.apply(record(POSITIONS, 0, 0, "{\"routeId\":\"1\"}")));
            assertThrows(MalformedRecord.class, () -> checked.apply(record(POSITIONS, 0, 0, null)));
            assertEquals(8L, ((Map<?, ?>) checked.apply(record(POSITIONS, 0, 0, TaskUnderTest.position("d", 8, TIME))).value()).get("seq"));
        }
    }

    @Test
    void aKindThatIsNoneIsNamed() {
        String told = assertThrows(ConfigException.class, () -> checked("route")).getMessage();
        assertTrue(told.contains("kind") && told.contains("route"), told);
    }

    @Test
    @SuppressWarnings("rawtypes") // a class has no type arguments
    void theTransformationIsFoundAsAService() {
        assertTrue(ServiceLoader.load(Transformation.class).stream().anyMatch(found -> found.type() == CheckedMessage.class));
    }
}
