package codedelivery.connect;

import java.util.Map;
import org.apache.kafka.connect.sink.SinkRecord;

/** How the records of one topic become documents. */
interface Document {
    int MAX_MESSAGE_BYTES = 64 * 1024;

    /** Write the two lines of a record: create the document under its id unless it is there, and the document; nothing of them if the record is malformed. */
    void write(SinkRecord record, Bytes lines);

    /** The message that was written last, as Connect's own types: only fields of the contract, with the defaults of those that were left out. */
    Map<String, Object> message();

    /** Where the documents go. */
    IndexNames indices();

    /** Write the part of the first line up to the id. */
    static Bytes create(byte[] index, Bytes lines) {
        return lines.add("{\"create\":{\"_index\":\"").add(index).add("\",\"_id\":\"");
    }
}
