package codedelivery.connect;

import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;

/** Fields of a message, checked as the contract says before anything is written. A refusal names field, bound and value. */
final class CheckedFields {
    private static final int MAX_ID = 96;
    private static final double LAST_MS = 8.64e15;
    private static final double[] POWERS = {
        1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15
    };

    private final JsonFields fields;
    private final int limit;

    /** `limit`: a larger message is refused unread (bytes). */
    CheckedFields(int limit, String... names) {
        fields = new JsonFields(names);
        this.limit = limit;
    }

    void read(byte[] json) {
        if (json.length > limit) {
            throw new MalformedRecord("message of " + json.length + " bytes is larger than " + limit);
        }
        fields.read(json);
    }

    boolean isAbsent(int field) {
        return fields.kind(field) == JsonKind.ABSENT;
    }

    /** Whether there is no value: no field, or null. */
    boolean isNone(int field) {
        return isAbsent(field) || fields.kind(field) == JsonKind.NULL;
    }

    /** An identifier, which needs no escaping anywhere: 1 to 96 of A-Z a-z 0-9 . _ : - */
    void id(int field) {
        if (fields.kind(field) == JsonKind.ESCAPED) {
            fields.replace(field, fields.string(field).getBytes(StandardCharsets.UTF_8));
        }
        int length = fields.end(field) - fields.start(field);
        boolean good = fields.kind(field) == JsonKind.STRING && length >= 1 && length <= MAX_ID;
        byte[] text = fields.text(field);
        for (int i = fields.start(field); good && i < fields.end(field); i++) {
            good = isIdCharacter(text[i]);
        }
        if (!good) {
            throw refused(field, "1 to " + MAX_ID + " characters of \"A-Z a-z 0-9 . _ : -\"");
        }
    }

    void optionalId(int field) {
        if (!isNone(field)) {
            id(field);
        }
    }

    /** A text; half a surrogate pair has no UTF-8. */
    void optionalText(int field) {
        if (isNone(field) || fields.kind(field) == JsonKind.STRING) {
            return;
        }
        if (fields.kind(field) != JsonKind.ESCAPED || !StandardCharsets.UTF_8.newEncoder().canEncode(fields.string(field))) {
            throw refused(field, "a text");
        }
    }

    double number(int field, double low, double high) {
        double value = fields.kind(field) == JsonKind.NUMBER ? decimal(fields.text(field), fields.start(field), fields.end(field)) : Double.NaN;
        if (!(value >= low && value <= high) || Double.isInfinite(value)) {
            throw refused(field, "a number from " + shown(low) + " to " + shown(high));
        }
        return value;
    }

    void optionalNumber(int field, double low, double high) {
        if (!isNone(field)) {
            number(field, low, high);
        }
    }

    /** A number written without fraction and exponent. */
    long whole(int field, long low, long high) {
        byte[] text = fields.text(field);
        boolean good = fields.kind(field) == JsonKind.NUMBER;
        for (int i = fields.start(field); good && i < fields.end(field); i++) {
            good = text[i] != '.' && (text[i] | 0x20) != 'e';
        }
        double value = good ? number(field, Double.NEGATIVE_INFINITY, Double.MAX_VALUE) : Double.NaN;
        if (!(value >= low && value <= high)) {
            throw refused(field, "a whole number from " + low + " to " + high);
        }
        return (long) value;
    }

    /** A count or an instant of a message other than a position: any number, of which the whole part counts; `otherwise` if there is none. */
    long count(int field, long otherwise) {
        return isNone(field) ? otherwise : (long) number(field, 0, LAST_MS);
    }

    boolean flag(int field) {
        JsonKind kind = fields.kind(field);
        if (kind != JsonKind.TRUE && kind != JsonKind.FALSE) {
            throw refused(field, "true or false");
        }
        return kind == JsonKind.TRUE;
    }

    String string(int field) {
        return fields.string(field);
    }

    JsonFields raw() {
        return fields;
    }

    /** Write `,"name":value` with the value as it stands in the message, if there is one. */
    void copy(int field, Bytes lines) {
        if (isNone(field)) {
            return;
        }
        boolean quoted = fields.kind(field) == JsonKind.STRING || fields.kind(field) == JsonKind.ESCAPED;
        int quote = quoted ? 1 : 0;
        if (fields.isReplaced(field)) {
            name(field, lines).add("\"").add(fields.text(field)).add("\"");
        } else {
            name(field, lines).add(fields.text(field), fields.start(field) - quote, fields.end(field) + quote);
        }
    }

    /** Write `,"name":number`. */
    void put(int field, long number, Bytes lines) {
        name(field, lines).add(number);
    }

    /** Write an identifier without quotes. */
    void copyId(int field, Bytes lines) {
        lines.add(fields.text(field), fields.start(field), fields.end(field));
    }

    private Bytes name(int field, Bytes lines) {
        return lines.add(fields.label(field));
    }

    /** The fields that have a value, as Connect's own types: those named in `whole` as long, other numbers as double; lists are left out. */
    Map<String, Object> values(Set<String> whole) {
        Map<String, Object> values = new LinkedHashMap<>();
        for (int field = 0; field < fields.size(); field++) {
            Object value = switch (fields.kind(field)) {
                case TRUE -> true;
                case FALSE -> false;
                case STRING, ESCAPED -> fields.string(field);
                case NUMBER -> numberOf(field, whole.contains(fields.name(field)));
                default -> null;
            };
            if (value != null) {
                values.put(fields.name(field), value);
            }
        }
        return values;
    }

    private Object numberOf(int field, boolean whole) {
        double value = number(field, Double.NEGATIVE_INFINITY, Double.MAX_VALUE);
        return whole ? (Object) (long) value : (Object) value;
    }

    MalformedRecord refused(int field, String wanted) {
        return new MalformedRecord(fields.name(field) + " must be " + wanted + ", found " + fields.shown(field));
    }

    private static boolean isIdCharacter(byte c) {
        return c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c == '-' || c == '.' || c == '_' || c == ':';
    }

    private static String shown(double bound) {
        return bound == Math.rint(bound) && Math.abs(bound) < 1e16 ? Long.toString((long) bound) : Double.toString(bound);
    }

    /** The number in some JSON text. Up to 15 digits without an exponent are exact as a quotient of two whole doubles; the rest is left to the JDK. */
    static double decimal(byte[] text, int from, int to) {
        long digits = 0;
        int fraction = -1;
        boolean negative = text[from] == '-';
        int first = negative ? from + 1 : from;
        boolean simple = to - first <= 16;
        for (int i = first; simple && i < to; i++) {
            if (text[i] == '.') {
                fraction = to - i - 1;
            } else {
                simple = text[i] >= '0' && text[i] <= '9';
                digits = digits * 10 + (text[i] - '0');
            }
        }
        if (!simple || fraction < 0 && to - first > 15) {
            return Double.parseDouble(new String(text, from, to - from, StandardCharsets.US_ASCII));
        }
        double value = fraction > 0 ? digits / POWERS[fraction] : digits;
        return negative ? -value : value;
    }
}
