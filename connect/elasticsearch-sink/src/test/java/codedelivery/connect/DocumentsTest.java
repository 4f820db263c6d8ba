package codedelivery.connect;

import static codedelivery.connect.TaskUnderTest.EVENTS;
import static codedelivery.connect.TaskUnderTest.POSITIONS;
import static codedelivery.connect.TaskUnderTest.REQUESTS;
import static codedelivery.connect.TaskUnderTest.TIME;
import static codedelivery.connect.TaskUnderTest.record;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.apache.kafka.connect.sink.SinkRecord;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class DocumentsTest {
    private static final String POSITION = new String(TaskUnderTest.position("d-1", 7, TIME), StandardCharsets.UTF_8);
    private static final String EVENT = "{\"deliveryId\":\"d-1\",\"runId\":\"live\",\"routeId\":\"1\",\"clientId\":\"c\",\"driverId\":\"car-1\",\"vehicle\":\"car\","
        + "\"kind\":\"delivered\",\"seq\":2,\"eventTime\":" + TIME + ",\"distance\":1234.5,\"positions\":101,\"later\":[{}]}";

    private static IndexNames names(String kind) {
        return new IndexNames("p", kind, IndexNames.Period.DAY);
    }

    private static Document documentOf(String topic) {
        return switch (topic) {
            case POSITIONS -> new PositionDocument(names("positions"));
            case EVENTS -> new EventDocument(names("events"));
            default -> new RequestDocument(names("requests"));
        };
    }

    private static String lines(SinkRecord record) {
        Bytes lines = new Bytes(16);
        documentOf(record.topic()).write(record, lines);
        return new String(lines.toArray(), StandardCharsets.UTF_8);
    }

    private static String refusal(String topic, Object value) {
        return assertThrows(MalformedRecord.class, () -> lines(record(topic, 0, 0, value))).getMessage();
    }

    @Test
    void aPositionIsTurnedIntoAGeoPointUnderItsId() {
        assertEquals("{\"create\":{\"_index\":\"p-positions-2026.11.23\",\"_id\":\"d-1:7\"}}\n"
            + "{\"finished\":false,\"location\":{\"lat\":-15.8259400,\"lon\":-47.9292300},\"routeId\":\"1\",\"clientId\":\"client-1\",\"deliveryId\":\"d-1\","
            + "\"driverId\":\"car-1\",\"runId\":\"live\",\"seq\":7,\"eventTime\":" + TIME + ",\"speed\":12.34,\"bearing\":123.4,\"distance\":1234.5}\n",
            lines(record(POSITIONS, 3, 42, POSITION)));
    }

    @Test
    void textBytesAndMapsGiveTheSameDocument() {
        Map<String, Object> map = new LinkedHashMap<>();
        map.put("deliveryId", "d-1");
        map.put("routeId", "1");
        map.put("clientId", "client-1");
        map.put("driverId", "car-1");
        map.put("runId", "live");
        map.put("position", List.of(-15.82594, -47.92923));
        map.put("finished", false);
        map.put("seq", 7L);
        map.put("eventTime", TIME);
        map.put("speed", 12.34);
        map.put("bearing", 123.4);
        map.put("distance", 1234.5);
        map.put("later", Map.of("a \"b\"\n", List.of(1, true)));
        String fromText = lines(record(POSITIONS, 0, 0, POSITION));
        assertEquals(fromText, lines(record(POSITIONS, 0, 0, POSITION.getBytes(StandardCharsets.UTF_8))));
        assertEquals(fromText.replace("-15.8259400", "-15.82594").replace("-47.9292300", "-47.92923"), lines(record(POSITIONS, 0, 0, map)));
    }

    @Test
    void theAncestorsRecordGetsItsIdentityFromKafka() {
        assertEquals("{\"create\":{\"_index\":\"p-positions-2026.11.23\",\"_id\":\"1:c:142000000\"}}\n"
            + "{\"finished\":true,\"location\":{\"lat\":1,\"lon\":2.5},\"routeId\":\"1\",\"clientId\":\"c\",\"deliveryId\":\"1:c\",\"driverId\":\"1:c\","
            + "\"runId\":\"external\",\"seq\":142000000,\"eventTime\":" + TIME + ",\"speed\":0.0,\"bearing\":0.0,\"distance\":0.0}\n",
            lines(record(POSITIONS, 3, 142_000_000, " {\"routeId\":\"\\u0031\",\"clientId\":\"c\",\"position\":[1,2.5],\"finished\":true} ")));
    }

    @Test
    void aBearingOf360IsNorth() {
        assertTrue(lines(record(POSITIONS, 0, 0, POSITION.replace("123.4,", "360,"))).contains("\"bearing\":0.0,"));
    }

    @Test
    void anEventKeepsItsFieldsAndDropsUnknownOnes() {
        assertEquals("{\"create\":{\"_index\":\"p-events-2026.11.23\",\"_id\":\"d-1:2\"}}\n"
            + "{\"seq\":2,\"deliveryId\":\"d-1\",\"runId\":\"live\",\"routeId\":\"1\",\"clientId\":\"c\",\"driverId\":\"car-1\",\"vehicle\":\"car\","
            + "\"kind\":\"delivered\",\"eventTime\":" + TIME + ",\"distance\":1234.5,\"positions\":101}\n", lines(record(EVENTS, 0, 0, EVENT)));
    }

    @Test
    void aLabelOfAFaultSaysWhatWasDoneToWhichPositions() {
        String label = EVENT.replace("delivered", "fault").replace("\"positions\":101", "\"fault\":\"tunnel\",\"fromSeq\":17,\"toSeq\":46.0");
        assertTrue(lines(record(EVENTS, 0, 0, label)).endsWith("\"kind\":\"fault\",\"eventTime\":" + TIME
            + ",\"distance\":1234.5,\"fault\":\"tunnel\",\"fromSeq\":17,\"toSeq\":46}\n"));
        assertEquals("fromSeq must be a number from 0 to 8640000000000000, found -1", refusal(EVENTS, label.replace(":17,", ":-1,")));
        assertTrue(refusal(EVENTS, label.replace("\"tunnel\"", "5")).startsWith("fault must be 1 to 96 characters"));
    }

    @Test
    void aReasonKeepsItsEscapesAndItsLetters() {
        String reason = "\"reason\":\"\\\"9\\\" é \\u00e9 \\ud83d\\ude9a\"";
        assertTrue(lines(record(EVENTS, 0, 0, EVENT.replace("\"later\"", reason + ",\"later\""))).endsWith("," + reason + "}\n"));
    }

    @Test
    void aRequestIsKnownByItsPlace() {
        assertEquals("{\"create\":{\"_index\":\"p-requests-2026.11.23\",\"_id\":\"route.new-direction-3-42\"}}\n"
            + "{\"requestedAt\":" + TIME + ",\"routeId\":\"1\",\"clientId\":\"c\",\"vehicle\":\"van\",\"departAt\":5}\n",
            lines(record(REQUESTS, 3, 42, "{\"routeId\":\"1\",\"clientId\":\"c\",\"deliveryId\":null,\"vehicle\":\"van\",\"departAt\":5.9}")));
    }

    @ParameterizedTest
    @CsvSource({
        "HOUR, 1795406706000, p-positions-2026.11.23.04", "DAY, 1795406706000, p-positions-2026.11.23", "MONTH, 1795406706000, p-positions-2026.11",
        "DAY, 946684800000, p-positions-2000.01.01", "DAY, 4102444799999, p-positions-2099.12.31", "HOUR, 1795391999999, p-positions-2026.11.22.23",
        "DAY, 1795392000000, p-positions-2026.11.23", "MONTH, 1798761599999, p-positions-2026.12", "MONTH, 1798761600000, p-positions-2027.01"})
    void anIndexIsNamedForTheTimeOfItsDocuments(IndexNames.Period period, long ms, String name) {
        IndexNames names = new IndexNames("p", "positions", period);
        names.at(TIME, "eventTime");
        assertEquals(name, new String(names.at(ms, "eventTime"), StandardCharsets.US_ASCII));
    }

    @ParameterizedTest
    @ValueSource(longs = {0, 946_684_799_999L, 4_102_444_800_000L, 9_999_999_999_999L})
    void aTimeWithoutAnIndexIsRefused(long ms) {
        assertEquals("eventTime must be from 2000-01-01 to 2100-01-01 (epoch ms), found " + ms, refusal(POSITIONS, TaskUnderTest.position("d", 0, ms)));
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', value = {
        "-15.8259400| -90.1| position must be [lat, lng], lat a number from -90 to 90 and lng from -180 to 180, found [-90.1, -47.9292300]",
        "-15.8259400, -47.9292300| 1,2,3| position must be [lat, lng], found [1,2,3]",
        "[-15.8259400, -47.9292300]| null| position must be [lat, lng], found null",
        "false| 0| finished must be true or false, found 0",
        "12.34| 1e9| speed must be a number from 0 to 99.99, found 1e9",
        "12.34| 1e999| speed must be a number from 0 to 99.99, found 1e999",
        "12.34| true| speed must be a number from 0 to 99.99, found true",
        "123.4| -1| bearing must be a number from 0 to 360, found -1",
        "\"seq\":       7| \"seq\":7.0| seq must be a whole number from 0 to 99999999, found 7.0",
        "\"seq\":       7| \"seq\":100000000| seq must be a whole number from 0 to 99999999, found 100000000",
        "\"deliveryId\"| \"delivery\"| deliveryId must be 1 to 96 characters of \"A-Z a-z 0-9 . _ : -\", found nothing",
        "d-1| d 1| deliveryId must be 1 to 96 characters of \"A-Z a-z 0-9 . _ : -\", found \"d 1\"",
        "\"d-1\"| null| deliveryId must be 1 to 96 characters of \"A-Z a-z 0-9 . _ : -\", found null"})
    void aPositionOutsideTheContractIsRefusedWithFieldAndValue(String part, String instead, String reason) {
        assertEquals(reason, refusal(POSITIONS, POSITION.replace(part, instead)));
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', value = {
        "delivered| flown| kind must be one of arrived_at_stop, cancelled, delivered, fault, rejected, resumed, started, stopped, suspended, found \"flown\"",
        "delivered| fault| kind \"fault\" must say which fault it is, and its positions",
        "101| null| kind \"delivered\" must say how many positions there are",
        "1234.5| -1| distance must be a number from 0 to '" + Double.MAX_VALUE + "', found -1"})
    void anEventOutsideTheContractIsRefusedWithFieldAndValue(String part, String instead, String reason) {
        assertEquals(reason.replace("'", ""), refusal(EVENTS, EVENT.replace(part, instead)));
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "[]", "{", "{\"a\":}", "{\"a\":01}", "{\"a\":NaN}", "{\"a\":1,}", "{} x", "{\"a\":\"\\x\"}", "{\"a\":\"\\u12g4\"}", "{\"a\":tru}", "{'a':1}",
        "{\"a\":\"\t\"}", "{\"a\":1.}", "{\"a\":-}"})
    void whatIsNoJsonObjectIsRefused(String text) {
        assertTrue(refusal(EVENTS, text).startsWith("not JSON: expected "), text);
    }

    @Test
    void whatIsTooDeepTooLongOrNotUtf8IsRefused() {
        assertEquals("not JSON: nested deeper than 500", refusal(EVENTS, "{\"a\":" + "[".repeat(2000)));
        assertEquals("message of 65537 bytes is larger than 65536", refusal(EVENTS, new byte[65537]));
        assertEquals("message of 16385 bytes is larger than 16384", refusal(POSITIONS, new byte[16385]));
        assertEquals("not JSON: not UTF-8", refusal(EVENTS, new byte[] {'{', '"', (byte) 0xff, '"', ':', '1', '}'}));
        assertEquals("reason must be a text, found \"?\"", refusal(EVENTS, EVENT.replace("\"later\"", "\"reason\":\"\\ud83d\",\"later\"")).replace('\ud83d', '?'));
        assertEquals("the value must be a JSON object as bytes, text or map, found nothing", refusal(POSITIONS, null));
        assertEquals("the value must be a JSON object as bytes, text or map, found Long", refusal(POSITIONS, 5L));
    }

    @ParameterizedTest
    @ValueSource(strings = {"0", "-0", "12.34", "-15.8259400", "1234567.9", "0.000001", "999999999999999", "9999999999999999", "0.1234567890123456", "1e3", "-1.5E-7"})
    void aNumberIsReadExactly(String text) {
        byte[] bytes = text.getBytes(StandardCharsets.US_ASCII);
        assertEquals(Double.parseDouble(text), CheckedFields.decimal(bytes, 0, bytes.length));
    }
}
