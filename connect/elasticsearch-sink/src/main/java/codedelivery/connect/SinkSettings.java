package codedelivery.connect;

import java.net.URI;
import java.time.Duration;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.regex.Pattern;
import org.apache.kafka.common.config.AbstractConfig;
import org.apache.kafka.common.config.ConfigDef;
import org.apache.kafka.common.config.ConfigDef.Importance;
import org.apache.kafka.common.config.ConfigDef.Range;
import org.apache.kafka.common.config.ConfigDef.Type;
import org.apache.kafka.common.config.ConfigDef.ValidString;
import org.apache.kafka.common.config.ConfigDef.Width;
import org.apache.kafka.common.config.ConfigException;
import org.apache.kafka.common.config.types.Password;

/** What can be set, with bounds. A refusal names the key and the value. Addresses may hold a password: no log has them, and a refusal shows them without it. */
final class SinkSettings extends AbstractConfig {
    static final String URL = "connection.url";
    static final String API_KEY = "connection.api.key";
    static final String REQUEST_TIMEOUT = "request.timeout.ms";
    static final String PREFIX = "index.prefix";
    static final String PERIOD = "index.period";
    static final String POSITIONS = "topic.positions";
    static final String EVENTS = "topic.events";
    static final String REQUESTS = "topic.requests";
    static final String BATCH_RECORDS = "batch.size";
    static final String BATCH_BYTES = "batch.bytes";
    static final String IN_FLIGHT = "max.in.flight.requests";
    static final String RETRIES = "max.retries";
    static final String BACKOFF = "retry.backoff.ms";
    static final String MALFORMED = "behavior.on.malformed";

    private static final Pattern ADDRESS = Pattern.compile("https?://([^\\s/?#@]*@)?(\\[[0-9A-Fa-f:.]+]|[^\\s/?#@:\\[\\]]+)(:\\d{1,5})?(/[^\\s@]*)?");
    private static final Pattern IDENTITY = Pattern.compile("^([A-Za-z][A-Za-z0-9+.-]*://)?.*@");
    private static final Pattern INDEX_NAME = Pattern.compile("[a-z0-9][a-z0-9_.-]{0,99}");
    private static final String CONNECTION = "Connection";
    private static final String DOCUMENTS = "Documents";
    private static final String BATCHES = "Batches";
    private static final String FAILURES = "Failures";

    static final ConfigDef DEFINITION = new ConfigDef()
        .define(URL, Type.PASSWORD, ConfigDef.NO_DEFAULT_VALUE, validator(SinkSettings::checkUrls, "http(s)://host:port, ..."), Importance.HIGH,
            "Addresses of one cluster, separated by commas; http://user:password@host:port if it wants that. The next one is used when one cannot be reached.", CONNECTION, 1, Width.LONG, "Addresses")
        .define(API_KEY, Type.PASSWORD, null, Importance.MEDIUM,
            "API key (encoded form) for the header 'Authorization: ApiKey ...'; none if absent.", CONNECTION, 2, Width.LONG, "API key")
        .define(REQUEST_TIMEOUT, Type.INT, 30_000, Range.between(100, 240_000), Importance.LOW,
            "Milliseconds that a bulk request may take.", CONNECTION, 3, Width.SHORT, "Request timeout")
        .define(PREFIX, Type.STRING, "delivery", validator(SinkSettings::checkPrefix, "lower-case letters, digits, '_', '.', '-'"), Importance.HIGH,
            "First part of the indices' names: <prefix>-positions-2026.11.23. The API's ELASTICSEARCH_PREFIX.", DOCUMENTS, 1, Width.MEDIUM, "Index prefix")
        .define(PERIOD, Type.STRING, "day", ValidString.in("hour", "day", "month"), Importance.MEDIUM,
            "How much time (UTC) one index holds: hour, day or month. The API's ELASTICSEARCH_INDEX_PERIOD; both must be alike.",
            DOCUMENTS, 2, Width.SHORT, "Index period")
        .define(POSITIONS, Type.STRING, "route.new-position", new ConfigDef.NonEmptyString(), Importance.LOW,
            "Topic whose records are positions.", DOCUMENTS, 3, Width.MEDIUM, "Topic of positions")
        .define(EVENTS, Type.STRING, "delivery.event", new ConfigDef.NonEmptyString(), Importance.LOW,
            "Topic whose records are delivery events.", DOCUMENTS, 4, Width.MEDIUM, "Topic of events")
        .define(REQUESTS, Type.STRING, "route.new-direction", new ConfigDef.NonEmptyString(), Importance.LOW,
            "Topic whose records are requests to start a delivery.", DOCUMENTS, 5, Width.MEDIUM, "Topic of requests")
        .define(BATCH_RECORDS, Type.INT, 5_000, Range.between(1, 100_000), Importance.MEDIUM,
            "Most documents in one bulk request.", BATCHES, 1, Width.SHORT, "Documents per request")
        .define(BATCH_BYTES, Type.INT, 8 * 1024 * 1024, Range.between(64 * 1024, 64 * 1024 * 1024), Importance.MEDIUM,
            "A bulk request is sent once it has this many bytes; at most one document goes beyond it.", BATCHES, 2, Width.SHORT, "Bytes per request")
        .define(IN_FLIGHT, Type.INT, 2, Range.between(1, 16), Importance.MEDIUM,
            "Most bulk requests under way at a time, per task.", BATCHES, 3, Width.SHORT, "Requests under way")
        .define(RETRIES, Type.INT, 5, Range.between(0, 100), Importance.MEDIUM,
            "How often documents that Elasticsearch was too busy for (429, 503) and requests that failed are sent again, before Connect pauses the task"
                + " and delivers the records again.", FAILURES, 1, Width.SHORT, "Retries")
        .define(BACKOFF, Type.INT, 100, Range.between(1, (int) Backoff.LONGEST_MS), Importance.LOW,
            "Milliseconds before the first retry; doubled each time up to " + Backoff.LONGEST_MS + ", less up to half of it by chance.",
            FAILURES, 2, Width.SHORT, "Retry backoff")
        .define(MALFORMED, Type.STRING, "report", ValidString.in("report", "fail"), Importance.MEDIUM,
            "What becomes of a record that can never be stored: report (to the dead-letter topic, errors.deadletterqueue.topic.name; without one the task fails)"
                + " or fail.", FAILURES, 3, Width.SHORT, "Malformed records");

    SinkSettings(Map<String, String> properties) {
        super(DEFINITION, properties, false);
        List<String> topics = List.of(getString(POSITIONS), getString(EVENTS), getString(REQUESTS));
        if (Set.copyOf(topics).size() < topics.size()) {
            throw new ConfigException(POSITIONS, getString(POSITIONS), "positions, events and requests must be three topics, found " + topics);
        }
    }

    List<URI> urls() {
        return addresses(getPassword(URL)).stream().map(URI::create).toList();
    }

    private static List<String> addresses(Password urls) {
        return Pattern.compile(",").splitAsStream(urls.value()).map(String::strip).filter(url -> !url.isEmpty()).toList();
    }

    /** The API key, or null. */
    String apiKey() {
        Password key = getPassword(API_KEY);
        return key == null || key.value().isEmpty() ? null : key.value();
    }

    Duration requestTimeout() {
        return Duration.ofMillis(getInt(REQUEST_TIMEOUT));
    }

    IndexNames indexNames(String kind) {
        return new IndexNames(getString(PREFIX), kind, IndexNames.Period.valueOf(getString(PERIOD).toUpperCase(Locale.ROOT)));
    }

    private static void checkUrls(String key, Object value) {
        List<String> urls = value == null ? List.of() : addresses((Password) value);
        if (urls.isEmpty()) {
            throw new ConfigException(key + " needs at least one address");
        }
        for (String url : urls) {
            if (!isAddress(url)) {
                throw new ConfigException(key + " must be an address like http://127.0.0.1:9200, or several with commas, each with a percent-encoded password if any; found "
                    + IDENTITY.matcher(url).replaceFirst("$1"));
            }
        }
    }

    private static boolean isAddress(String url) {
        try {
            return ADDRESS.matcher(url).matches() && URI.create(url).getHost() != null;
        } catch (IllegalArgumentException error) {
            return false;
        }
    }

    private static void checkPrefix(String key, Object value) {
        if (!(value instanceof String text) || !INDEX_NAME.matcher(text).matches()) {
            throw new ConfigException(key, value, "must be 1 to 100 of a-z 0-9 _ . - and begin with a letter or digit");
        }
    }

    private static ConfigDef.Validator validator(ConfigDef.Validator check, String shown) {
        return ConfigDef.LambdaValidator.with(check::ensureValid, () -> shown);
    }
}
