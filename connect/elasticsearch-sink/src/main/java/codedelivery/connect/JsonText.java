package codedelivery.connect;

import java.nio.charset.StandardCharsets;
import java.util.Iterator;
import java.util.List;
import java.util.Map;

/** Record values as JSON: bytes and text as they are (ByteArrayConverter, StringConverter), maps and lists (JsonConverter without schemas) written out. */
final class JsonText {
    private JsonText() {
    }

    static byte[] of(Object value) {
        if (value instanceof byte[] bytes) {
            return bytes;
        }
        if (value instanceof String text) {
            return text.getBytes(StandardCharsets.UTF_8);
        }
        if (value instanceof Map) {
            StringBuilder json = new StringBuilder(384);
            write(value, json);
            return json.toString().getBytes(StandardCharsets.UTF_8);
        }
        throw new MalformedRecord("the value must be a JSON object as bytes, text or map, found " + (value == null ? "nothing" : value.getClass().getSimpleName()));
    }

    /** Return a string of JSON, whose escapes are known to be right, without its escapes. */
    static String unescaped(String raw) {
        StringBuilder text = new StringBuilder(raw.length());
        for (int i = 0; i < raw.length(); i++) {
            char character = raw.charAt(i);
            if (character != '\\') {
                text.append(character);
                continue;
            }
            char letter = raw.charAt(++i);
            if (letter == 'u') {
                text.append((char) Integer.parseInt(raw, i + 1, i + 5, 16));
                i += 4;
            } else {
                int control = "bfnrt".indexOf(letter);
                text.append(control < 0 ? letter : "\b\f\n\r\t".charAt(control));
            }
        }
        return text.toString();
    }

    private static void write(Object value, StringBuilder json) {
        if (value instanceof String text) {
            quote(text, json);
        } else if (value instanceof Map<?, ?> map) {
            char before = '{';
            for (Map.Entry<?, ?> entry : map.entrySet()) {
                json.append(before);
                quote(String.valueOf(entry.getKey()), json);
                json.append(':');
                write(entry.getValue(), json);
                before = ',';
            }
            json.append(map.isEmpty() ? "{}" : "}");
        } else if (value instanceof List<?> list) {
            json.append('[');
            for (Iterator<?> items = list.iterator(); items.hasNext(); json.append(items.hasNext() ? "," : "")) {
                write(items.next(), json);
            }
            json.append(']');
        } else if (value == null || value instanceof Boolean || value instanceof Number) {
            json.append(value);
        } else {
            throw new MalformedRecord("a value of type " + value.getClass().getSimpleName() + " has no JSON");
        }
    }

    private static void quote(String text, StringBuilder json) {
        json.append('"');
        for (int i = 0; i < text.length(); i++) {
            char character = text.charAt(i);
            if (character == '"' || character == '\\') {
                json.append('\\').append(character);
            } else if (character < ' ') {
                json.append(String.format("\\u%04x", (int) character));
            } else {
                json.append(character);
            }
        }
        json.append('"');
    }
}
