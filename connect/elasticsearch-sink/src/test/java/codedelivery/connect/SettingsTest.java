package codedelivery.connect;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.net.URI;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.ServiceLoader;
import java.util.SplittableRandom;
import org.apache.kafka.common.config.ConfigDef;
import org.apache.kafka.common.config.ConfigException;
import org.apache.kafka.connect.sink.SinkConnector;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class SettingsTest {
    private static final Map<String, String> GOOD = Map.of("connection.url", "http://a:9200, https://b");

    @ParameterizedTest
    @CsvSource({
        "connection.url, ftp://a", "connection.url, a:9200", "connection.url, http://", "index.prefix, Upper", "index.prefix, _x", "index.period, week",
        "batch.size, 0", "batch.size, many", "batch.bytes, 1", "max.in.flight.requests, 17", "request.timeout.ms, 1", "max.retries, -1", "retry.backoff.ms, 0",
        "behavior.on.malformed, ignore", "topic.events, route.new-position"})
    void aRefusalNamesKeyAndValue(String key, String value) {
        Map<String, String> settings = new HashMap<>(GOOD);
        settings.put(key, value);
        String told = assertThrows(ConfigException.class, () -> new SinkSettings(settings)).getMessage();
        assertTrue(told.contains(key.equals("topic.events") ? "topic.positions" : key), told);
        assertTrue(told.contains(value), told);
    }

    @ParameterizedTest
    @ValueSource(strings = {"http://u:S3CRET/PW@h:9200", "http://u:S3CRET?PW@h:9200", "http://u:S3CRET#PW@h:9200", "http://u:1/S3CRET@h:9200", "ftp://u:S3CRET@h", "u:S3CRET@h"})
    void aRefusedAddressIsShownWithoutItsPassword(String url) {
        String told = assertThrows(ConfigException.class, () -> new SinkSettings(Map.of("connection.url", url))).getMessage();
        assertFalse(told.contains("S3CRET") || told.contains("PW"), told);
        assertTrue(told.contains("connection.url") && told.endsWith(url.substring(url.indexOf('@') + 1)), told);
    }

    @Test
    void addressesAreInNoLog() {
        SinkSettings found = new SinkSettings(Map.of("connection.url", "http://u:S3CRET%2FPW@a:9200, https://b,http://[::1]:9200/es"));
        assertEquals(List.of("a", "b", "[::1]"), found.urls().stream().map(URI::getHost).toList());
        assertEquals("u:S3CRET/PW", found.urls().get(0).getUserInfo());
        assertFalse(found.values().toString().contains("S3CRET"));
    }

    @Test
    void anAddressIsNeeded() {
        String told = assertThrows(ConfigException.class, () -> new SinkSettings(Map.of())).getMessage();
        assertTrue(told.contains("connection.url"), told);
    }

    @Test
    void everySettingIsExplainedAndHasItsPlace() {
        for (ConfigDef.ConfigKey key : SinkSettings.DEFINITION.configKeys().values()) {
            assertFalse(key.documentation.isBlank(), key.name);
            assertFalse(key.group.isBlank(), key.name);
            assertFalse(key.displayName.isBlank(), key.name);
        }
        assertEquals(List.of("Connection", "Documents", "Batches", "Failures"), SinkSettings.DEFINITION.groups());
    }

    @Test
    void theApiKeyIsNotShown() {
        Map<String, String> settings = new HashMap<>(GOOD);
        settings.put("connection.api.key", "secret");
        SinkSettings found = new SinkSettings(settings);
        assertEquals("secret", found.apiKey());
        assertFalse(found.values().toString().contains("secret"));
    }

    @Test
    void tasksAreAlikeAndThereAreAsManyAsAsked() {
        ElasticsearchSinkConnector connector = new ElasticsearchSinkConnector();
        connector.start(GOOD);
        assertEquals(List.of(GOOD, GOOD, GOOD), connector.taskConfigs(3));
        assertEquals(ElasticsearchSinkTask.class, connector.taskClass());
    }

    @Test
    void theConnectorIsFoundAsAService() {
        assertTrue(ServiceLoader.load(SinkConnector.class).stream().anyMatch(found -> found.type() == ElasticsearchSinkConnector.class));
    }

    @Test
    void pausesGrowAndAreBounded() {
        Backoff backoff = new Backoff(100, new SplittableRandom(1));
        for (int retry = 0; retry < 2000; retry++) {
            long most = (long) Math.min(100 * Math.pow(2, retry), Backoff.LONGEST_MS);
            long delay = backoff.delayMs(retry);
            assertTrue(delay <= most && delay >= most / 2, () -> "delay " + delay);
        }
    }
}
