package codedelivery.connect;

import java.util.Map;
import org.apache.kafka.common.config.AbstractConfig;
import org.apache.kafka.common.config.ConfigDef;
import org.apache.kafka.common.config.ConfigDef.Importance;
import org.apache.kafka.common.config.ConfigDef.Type;
import org.apache.kafka.common.config.ConfigDef.ValidString;
import org.apache.kafka.connect.components.Versioned;
import org.apache.kafka.connect.sink.SinkRecord;
import org.apache.kafka.connect.transforms.Transformation;

/**
 * A transformation for sinks of others: reads a record's JSON as strictly as our own sink does and hands on a map of the contract's fields, a position with its
 * GeoJSON `location`. What breaks the contract is refused, so Connect sends it to the dead-letter topic with the reason.
 */
public final class CheckedMessage implements Transformation<SinkRecord>, Versioned {
    private static final String KIND = "kind";
    private static final ConfigDef DEFINITION = new ConfigDef().define(KIND, Type.STRING, ConfigDef.NO_DEFAULT_VALUE,
        ValidString.in("position", "event", "request"), Importance.HIGH, "What the records are: position, event or request.");

    private final Bytes scratch = new Bytes(1024);
    private Document document;

    @Override
    public String version() {
        return ElasticsearchSinkConnector.versionOfJar();
    }

    @Override
    public ConfigDef config() {
        return DEFINITION;
    }

    @Override
    public void configure(Map<String, ?> settings) {
        String kind = new AbstractConfig(DEFINITION, settings, false).getString(KIND);
        IndexNames anywhere = new IndexNames("", kind, IndexNames.Period.MONTH);
        document = switch (kind) {
            case "position" -> new PositionDocument(anywhere);
            case "event" -> new EventDocument(anywhere);
            default -> new RequestDocument(anywhere);
        };
    }

    @Override
    public SinkRecord apply(SinkRecord record) {
        scratch.cut(0);
        document.write(record, scratch);
        return record.newRecord(
            record.topic(), record.kafkaPartition(), record.keySchema(), record.key(), null, document.message(), record.timestamp(), record.headers());
    }

    @Override
    public void close() {
        // Nothing is held.
    }
}
