package codedelivery.connect;

import java.nio.charset.StandardCharsets;

/**
 * Reads JSON text strictly (RFC 8259), from one value to the next, and makes no objects: a value is where it begins and ends.
 *
 * <p>Not thread-safe; one cursor reads one text after another.
 */
final class JsonCursor {
    private static final int MAX_DEPTH = 500;

    private byte[] text = {};
    private int at;
    private int end;
    private int valueStart;
    private int valueEnd;
    private boolean beyondAscii;

    void over(byte[] json, int from, int to) {
        text = json;
        at = from;
        end = to;
        beyondAscii = false;
    }

    /** Where the last value begins; of a string after its quote. */
    int valueStart() {
        return valueStart;
    }

    /** Where the last value ends; of a string before its quote. */
    int valueEnd() {
        return valueEnd;
    }

    /** Whether a string so far had a byte that is not ASCII. */
    boolean beyondAscii() {
        return beyondAscii;
    }

    /** Pass over blanks; return whether `wanted` comes next, and pass over it if so. */
    boolean take(char wanted) {
        skipBlanks();
        if (at < end && text[at] == wanted) {
            at++;
            return true;
        }
        return false;
    }

    void expect(char wanted) {
        if (!take(wanted)) {
            throw unexpected("'" + wanted + "'");
        }
    }

    /** Whether another element follows: passes over ',' or over `closing`. */
    boolean another(char closing) {
        if (take(',')) {
            return true;
        }
        expect(closing);
        return false;
    }

    void expectEnd() {
        skipBlanks();
        if (at < end) {
            throw unexpected("the end");
        }
    }

    /** Pass over a key of an object and the colon after it; `valueStart` and `valueEnd` say where the key stands. */
    JsonKind key() {
        expect('"');
        JsonKind kind = string();
        int start = valueStart;
        int stop = valueEnd;
        expect(':');
        valueStart = start;
        valueEnd = stop;
        return kind;
    }

    /** Pass over one value. */
    JsonKind value() {
        return value(0);
    }

    private JsonKind value(int depth) {
        skipBlanks();
        if (at >= end) {
            throw unexpected("a value");
        }
        int start = at;
        JsonKind kind = switch (text[at]) {
            case '"' -> {
                at++;
                yield string();
            }
            case '{' -> nested(depth, '}');
            case '[' -> nested(depth, ']');
            case 't' -> word("true", JsonKind.TRUE);
            case 'f' -> word("false", JsonKind.FALSE);
            case 'n' -> word("null", JsonKind.NULL);
            default -> number();
        };
        if (kind != JsonKind.STRING && kind != JsonKind.ESCAPED) {
            valueStart = start;
            valueEnd = at;
        }
        return kind;
    }

    private JsonKind nested(int depth, char closing) {
        if (depth == MAX_DEPTH) {
            throw new MalformedRecord("not JSON: nested deeper than " + MAX_DEPTH);
        }
        at++;
        if (!take(closing)) {
            do {
                if (closing == '}') {
                    key();
                }
                value(depth + 1);
            } while (another(closing));
        }
        return closing == '}' ? JsonKind.OBJECT : JsonKind.ARRAY;
    }

    /** Pass over the rest of a string, after its opening quote. */
    private JsonKind string() {
        JsonKind kind = JsonKind.STRING;
        valueStart = at;
        while (at < end) {
            byte character = text[at++];
            if (character == '"') {
                valueEnd = at - 1;
                return kind;
            } else if (character == '\\') {
                kind = JsonKind.ESCAPED;
                escape();
            } else if (character < 0) {
                beyondAscii = true;
            } else if (character < ' ') {
                at--;
                throw unexpected("no control character in a string");
            }
        }
        throw unexpected("'\"'");
    }

    private void escape() {
        byte letter = at < end ? text[at++] : 0;
        if (letter == 'u') {
            for (int digit = 0; digit < 4; digit++, at++) {
                if (at >= end || Character.digit(text[at], 16) < 0) {
                    throw unexpected("a hexadecimal digit");
                }
            }
        } else if ("\"\\/bfnrt".indexOf(letter) < 0) {
            at--;
            throw unexpected("an escape");
        }
    }

    private JsonKind number() {
        int start = at;
        if (text[at] == '-') {
            at++;
        }
        if (at < end && text[at] == '0') {
            at++;
        } else {
            digits(start == at ? "a value" : "a digit");
        }
        if (at < end && text[at] == '.') {
            at++;
            digits("a digit");
        }
        if (at < end && (text[at] | 0x20) == 'e') {
            at++;
            if (at < end && (text[at] == '+' || text[at] == '-')) {
                at++;
            }
            digits("a digit");
        }
        return JsonKind.NUMBER;
    }

    private void digits(String wanted) {
        int start = at;
        while (at < end && text[at] >= '0' && text[at] <= '9') {
            at++;
        }
        if (at == start) {
            throw unexpected(wanted);
        }
    }

    private JsonKind word(String word, JsonKind kind) {
        for (int i = 0; i < word.length(); i++, at++) {
            if (at >= end || text[at] != word.charAt(i)) {
                throw unexpected(word);
            }
        }
        return kind;
    }

    private void skipBlanks() {
        while (at < end && (text[at] == ' ' || text[at] == '\n' || text[at] == '\r' || text[at] == '\t')) {
            at++;
        }
    }

    private MalformedRecord unexpected(String wanted) {
        String found = at >= end ? "the end" : "'" + new String(text, at, Math.min(20, end - at), StandardCharsets.UTF_8) + "'";
        return new MalformedRecord("not JSON: expected " + wanted + " at byte " + at + ", found " + found);
    }
}
