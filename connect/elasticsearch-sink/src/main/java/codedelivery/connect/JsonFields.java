package codedelivery.connect;

import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/**
 * The wanted fields of one JSON object after another: of each what it is and where it stands. Fields of other names are passed over; of two with one name the
 * last one counts.
 */
final class JsonFields {
    private final byte[][] names;
    private final byte[][] labels;
    private final byte[][] replaced;
    private final JsonKind[] kinds;
    private final int[] starts;
    private final int[] ends;
    private final JsonCursor cursor = new JsonCursor();
    private byte[] text = {};

    JsonFields(String... fields) {
        names = new byte[fields.length][];
        labels = new byte[fields.length][];
        replaced = new byte[fields.length][];
        for (int field = 0; field < fields.length; field++) {
            names[field] = fields[field].getBytes(StandardCharsets.UTF_8);
            labels[field] = (",\"" + fields[field] + "\":").getBytes(StandardCharsets.UTF_8);
        }
        kinds = new JsonKind[fields.length];
        starts = new int[fields.length];
        ends = new int[fields.length];
    }

    void read(byte[] json) {
        read(json, 0, json.length);
    }

    /** Read the object in some bytes; a field is then known by its number in the constructor's order. */
    void read(byte[] json, int from, int to) {
        text = json;
        Arrays.fill(kinds, JsonKind.ABSENT);
        Arrays.fill(replaced, null);
        cursor.over(json, from, to);
        cursor.expect('{');
        if (!cursor.take('}')) {
            int expected = 0;
            do {
                JsonKind keyKind = cursor.key();
                int field = numberOf(keyKind, cursor.valueStart(), cursor.valueEnd(), expected);
                JsonKind kind = cursor.value();
                if (field >= 0) {
                    kinds[field] = kind;
                    starts[field] = cursor.valueStart();
                    ends[field] = cursor.valueEnd();
                    expected = field + 1;
                }
            } while (cursor.another('}'));
        }
        cursor.expectEnd();
        if (cursor.beyondAscii()) {
            requireUtf8(json, from, to);
        }
    }

    int size() {
        return names.length;
    }

    String name(int field) {
        return new String(names[field], StandardCharsets.UTF_8);
    }

    JsonKind kind(int field) {
        return kinds[field];
    }

    int start(int field) {
        return starts[field];
    }

    int end(int field) {
        return ends[field];
    }

    /** The bytes in which a field's value stands. */
    byte[] text(int field) {
        return replaced[field] == null ? text : replaced[field];
    }

    /** Take other bytes, which need no escaping, for a field's string. */
    void replace(int field, byte[] plain) {
        replaced[field] = plain;
        kinds[field] = JsonKind.STRING;
        starts[field] = 0;
        ends[field] = plain.length;
    }

    boolean isReplaced(int field) {
        return replaced[field] != null;
    }

    /** A comma, the field's name in quotes, and a colon. */
    byte[] label(int field) {
        return labels[field];
    }

    /** The text of a string; of anything else its JSON. */
    String string(int field) {
        String raw = new String(text(field), starts[field], ends[field] - starts[field], StandardCharsets.UTF_8);
        return kinds[field] == JsonKind.ESCAPED ? JsonText.unescaped(raw) : raw;
    }

    /** What was found, for a message. */
    String shown(int field) {
        String found = switch (kinds[field]) {
            case ABSENT -> "nothing";
            case STRING, ESCAPED -> '"' + string(field) + '"';
            default -> string(field);
        };
        return found.length() <= 80 ? found : found.substring(0, 77) + "...";
    }

    /** Fields come in the order of the contract as a rule, so the next one is looked at first. */
    private int numberOf(JsonKind kind, int from, int to, int expected) {
        if (kind == JsonKind.ESCAPED) {
            byte[] key = JsonText.unescaped(new String(text, from, to - from, StandardCharsets.UTF_8)).getBytes(StandardCharsets.UTF_8);
            return numberOf(key, 0, key.length, expected);
        }
        return numberOf(text, from, to, expected);
    }

    private int numberOf(byte[] bytes, int from, int to, int expected) {
        for (int i = 0; i < names.length; i++) {
            int field = expected + i < names.length ? expected + i : expected + i - names.length;
            byte[] name = names[field];
            if (name.length == to - from && Arrays.equals(name, 0, name.length, bytes, from, to)) {
                return field;
            }
        }
        return -1;
    }

    private static void requireUtf8(byte[] json, int from, int to) {
        try {
            StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(json, from, to - from));
        } catch (CharacterCodingException error) {
            throw new MalformedRecord("not JSON: not UTF-8");
        }
    }
}
