package codedelivery.connect;

import org.apache.kafka.connect.errors.DataException;

/** A record that can never be stored; the message names value and bound. */
final class MalformedRecord extends DataException {
    private static final long serialVersionUID = 1L;

    MalformedRecord(String reason) {
        super(reason);
    }
}
