package codedelivery.connect;

import static codedelivery.connect.TaskUnderTest.EVENTS;
import static codedelivery.connect.TaskUnderTest.POSITIONS;
import static codedelivery.connect.TaskUnderTest.REQUESTS;
import static codedelivery.connect.TaskUnderTest.position;
import static codedelivery.connect.TaskUnderTest.record;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.connect.errors.ConnectException;
import org.apache.kafka.connect.errors.RetriableException;
import org.apache.kafka.connect.sink.SinkRecord;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class ElasticsearchSinkTaskTest {
    private static final TopicPartition ZERO = new TopicPartition(POSITIONS, 0);
    private static final TopicPartition ONE = new TopicPartition(POSITIONS, 1);
    private FakeElasticsearch elasticsearch;

    @BeforeEach
    void start() throws IOException {
        elasticsearch = new FakeElasticsearch();
    }

    @AfterEach
    void stop() {
        elasticsearch.close();
    }

    private TaskUnderTest started(String... settings) {
        return new TaskUnderTest(elasticsearch.url(), settings).start();
    }

    private static List<SinkRecord> positions(int partition, long from, long to) {
        return LongStream.range(from, to).mapToObj(offset -> position(partition, offset)).toList();
    }

    @Test
    void everyTopicGoesToItsIndex() {
        TaskUnderTest task = started("connection.api.key", "secret");
        task.put(position(0, 0), record(EVENTS, 0, 0, "{\"deliveryId\":\"d\",\"runId\":\"r\",\"routeId\":\"1\",\"clientId\":\"c\",\"driverId\":\"x\",\"vehicle\":\"car\","
            + "\"kind\":\"started\",\"eventTime\":1795406706000}"), record(REQUESTS, 2, 9, "{\"routeId\":\"1\",\"clientId\":\"c\"}"));
        task.commit();
        assertEquals(Set.of("p-positions-2026.11.23/d-0:0", "p-events-2026.11.23/d:0", "p-requests-2026.11.23/route.new-direction-2-9"), elasticsearch.documents.keySet());
        assertEquals(List.of("ApiKey secret"), elasticsearch.authorizations);
    }

    @Test
    void userAndPasswordOfAnAddressAreSentAndNeverTold() {
        TaskUnderTest task = new TaskUnderTest(elasticsearch.url().replace("://", "://user:p%40ss@") + "/").start();
        elasticsearch.status = 401;
        task.put(position(0, 0));
        ConnectException error = assertThrows(ConnectException.class, () -> task.task.flush(Map.of()));
        assertEquals(List.of("Basic dXNlcjpwQHNz"), elasticsearch.authorizations);
        assertEquals("127.0.0.1:" + elasticsearch.port() + " answered 401: {\"error\":\"told to\"}", error.getMessage());
    }

    @Test
    void recordsDeliveredAgainToAnotherTaskChangeNothing() {
        TaskUnderTest first = started();
        first.put(positions(0, 0, 50));
        assertEquals(Map.of(ZERO, 50L), first.commit());
        Map<String, String> stored = Map.copyOf(elasticsearch.documents);
        TaskUnderTest second = started();
        second.put(positions(0, 0, 50));
        assertEquals(Map.of(ZERO, 50L), second.commit());
        assertEquals(stored, elasticsearch.documents);
        assertEquals(Map.of(), second.reported);
    }

    @Test
    void offsetsNeverPassWhatIsStored() {
        TaskUnderTest task = started("batch.size", "10", "max.retries", "0", "max.in.flight.requests", "4");
        elasticsearch.fate = (id, request) -> id.equals("d-0:15") ? "429 es_rejected_execution_exception: busy" : "";
        task.put(positions(1, 0, 3));
        task.put(positions(0, 0, 7));
        task.put(positions(0, 7, 37));
        assertEquals(Map.of(ZERO, 15L, ONE, 3L), task.commit());
        RetriableException busy = assertThrows(RetriableException.class, () -> task.put(List.of()));
        assertEquals("1 documents are not stored after 0 retries: 429 es_rejected_execution_exception: busy", busy.getMessage());
        elasticsearch.fate = (id, request) -> "";
        task.put(List.of());
        assertEquals(Map.of(ZERO, 37L, ONE, 3L), task.commit());
        assertEquals(40, elasticsearch.documents.size());
    }

    @Test
    void onlyTheDocumentsThatWereNotTakenAreSentAgain() {
        elasticsearch.fate = (id, request) -> request < 2 && (id.equals("d-0:1") || request == 0 && id.equals("d-0:3")) ? "429 busy: later" : "";
        TaskUnderTest task = started();
        task.put(positions(0, 0, 5));
        assertEquals(Map.of(ZERO, 5L), task.commit());
        assertEquals(List.of(List.of("d-0:0", "d-0:1", "d-0:2", "d-0:3", "d-0:4"), List.of("d-0:1", "d-0:3"), List.of("d-0:1")), elasticsearch.requests);
        assertEquals(5, elasticsearch.documents.size());
    }

    @Test
    void whatElasticsearchNeverTakesIsReportedWithItsRecord() {
        elasticsearch.fate = (id, request) -> id.equals("d-0:1") ? "400 document_parsing_exception: failed to parse" : "";
        TaskUnderTest task = started();
        List<SinkRecord> records = positions(0, 0, 3);
        task.put(records);
        assertEquals(Map.of(ZERO, 3L), task.commit());
        assertEquals(Set.of(records.get(1)), task.reported.keySet());
        assertEquals(List.of("Elasticsearch refused it: 400 document_parsing_exception: failed to parse"), task.reasons());
    }

    @Test
    void aFullClusterIsNotTheDocumentsFault() {
        elasticsearch.fate = (id, request) -> request == 0 ? "400 validation_exception: this cluster currently has [1000]/[1000] maximum shards open" : "";
        TaskUnderTest task = started();
        task.put(position(0, 0));
        assertEquals(Map.of(ZERO, 1L), task.commit());
        assertEquals(Map.of(), task.reported);
        assertEquals(2, elasticsearch.requests.size());
    }

    @Test
    void malformedRecordsAreReportedAndTheRestIsStored() {
        TaskUnderTest task = started();
        SinkRecord poison = record(POSITIONS, 0, 1, "{\"routeId\":1}");
        SinkRecord stranger = record("other", 0, 0, "{}");
        task.put(position(0, 0), poison, position(0, 2), stranger);
        task.commit();
        assertEquals(List.of(poison, stranger), List.copyOf(task.reported.keySet()));
        assertEquals(List.of("routeId must be 1 to 96 characters of \"A-Z a-z 0-9 . _ : -\", found 1",
            "topic must be one of delivery.event, route.new-direction, route.new-position, found other"), task.reasons());
        assertEquals(Set.of("p-positions-2026.11.23/d-0:0", "p-positions-2026.11.23/d-0:2"), elasticsearch.documents.keySet());
    }

    @Test
    void withoutAReporterOrWhenToldToFailAMalformedRecordEndsTheTask() {
        SinkRecord poison = record(POSITIONS, 4, 7, "{}");
        for (TaskUnderTest task : List.of(new TaskUnderTest(elasticsearch.url()).withoutReporter().start(), started("behavior.on.malformed", "fail"))) {
            ConnectException error = assertThrows(ConnectException.class, () -> task.put(poison));
            assertTrue(error.getMessage().startsWith("record route.new-position-4-7 can never be stored: routeId must be "), error.getMessage());
            assertEquals(Map.of(), task.reported);
        }
    }

    @Test
    void aServerThatIsAwayMakesConnectWaitAndNothingIsLost() throws IOException {
        int port = elasticsearch.port();
        TaskUnderTest task = started("max.retries", "1");
        task.put(position(0, 0));
        assertEquals(Map.of(ZERO, 1L), task.commit());
        elasticsearch.close();
        List<SinkRecord> records = positions(0, 1, 4);
        task.put(records);
        assertEquals(Map.of(ZERO, 1L), task.commit());
        assertThrows(RetriableException.class, () -> task.put(positions(0, 4, 6)));
        assertEquals(Backoff.LONGEST_MS, task.timeoutMs);
        assertEquals(Map.of(ZERO, 1L), task.commit());
        elasticsearch = new FakeElasticsearch(port);
        task.put(positions(0, 4, 6));
        assertEquals(Map.of(ZERO, 6L), task.commit());
        assertEquals(5, elasticsearch.documents.size());
    }

    @Test
    void theNextAddressIsUsedWhenOneIsAway() throws IOException {
        String away;
        try (FakeElasticsearch gone = new FakeElasticsearch()) {
            away = gone.url();
        }
        TaskUnderTest task = new TaskUnderTest(away + "," + elasticsearch.url()).start();
        assertThrows(RetriableException.class, () -> task.put(position(0, 0)));
        task.put(position(0, 0));
        assertEquals(Map.of(ZERO, 1L), task.commit());
        assertEquals(1, elasticsearch.documents.size());
    }

    @Test
    void whatConnectDeliversAgainAfterAPauseIsTakenOnce() {
        TaskUnderTest task = started("batch.size", "2", "max.retries", "0", "max.in.flight.requests", "1");
        elasticsearch.status = 503;
        SinkRecord poison = record(POSITIONS, 0, 0, "{}");
        List<SinkRecord> records = List.of(poison, position(0, 1), position(0, 2), position(0, 3), position(0, 4), position(0, 5));
        assertThrows(RetriableException.class, () -> task.put(records));
        assertThrows(RetriableException.class, () -> task.put(records));
        elasticsearch.status = 200;
        task.put(records);
        assertEquals(Map.of(ZERO, 6L), task.commit());
        assertEquals(5, elasticsearch.documents.size());
        assertEquals(5, elasticsearch.requests.stream().mapToInt(List::size).sum());
        assertEquals(1, task.reported.size());
    }

    @Test
    void aRefusalOfTheWholeRequestEndsTheTask() {
        TaskUnderTest task = started();
        elasticsearch.status = 401;
        task.put(position(0, 0));
        assertEquals(Map.of(ZERO, 0L), task.commit());
        ConnectException error = assertThrows(ConnectException.class, () -> task.put(position(0, 1)));
        assertTrue(error.getMessage().endsWith("answered 401: {\"error\":\"told to\"}"), error.getMessage());
    }

    @Test
    void withoutItsTemplateNothingIsWritten() {
        elasticsearch.templateStatus = 404;
        TaskUnderTest task = started();
        ConnectException error = assertThrows(ConnectException.class, () -> task.put(position(0, 0)));
        assertTrue(error.getMessage().contains(" has no index template p-"), error.getMessage());
        assertEquals(List.of(), elasticsearch.requests);
    }

    @Test
    void aPartitionThatComesBackIsReadFromWhereConnectSays() {
        TaskUnderTest task = started();
        task.put(positions(0, 0, 10));
        task.put(positions(1, 0, 10));
        task.commit();
        task.task.close(List.of(ZERO));
        task.put(positions(1, 10, 12));
        assertEquals(12L, task.commit().get(ONE));
        task.task.open(List.of(ZERO));
        task.put(positions(0, 5, 15));
        assertEquals(Map.of(ZERO, 15L, ONE, 12L), task.commit());
        assertEquals(27, elasticsearch.documents.size());
        assertEquals(32, elasticsearch.requests.stream().mapToInt(List::size).sum());
    }

    @Test
    void aBatchIsSentWhenItIsFull() {
        TaskUnderTest task = started("batch.size", "100", "max.in.flight.requests", "3");
        task.put(positions(0, 0, 1050));
        assertEquals(Map.of(ZERO, 1050L), task.commit());
        assertEquals(IntStream.range(0, 11).map(i -> i < 10 ? 100 : 50).boxed().toList(), elasticsearch.requests.stream().map(List::size).sorted((a, b) -> b - a).toList());
        TaskUnderTest byBytes = started("batch.bytes", "65536");
        byBytes.put(positions(1, 0, 1000));
        byBytes.commit();
        assertEquals(2050, elasticsearch.documents.size());
        assertEquals(5, elasticsearch.requests.size() - 11);
    }
}
