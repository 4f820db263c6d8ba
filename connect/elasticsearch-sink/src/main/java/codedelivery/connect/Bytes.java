package codedelivery.connect;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/** Bytes that grow at their end. */
final class Bytes {
    private byte[] bytes;
    private int size;

    Bytes(int room) {
        bytes = new byte[room];
    }

    int size() {
        return size;
    }

    /** The bytes themselves, good up to `size`. */
    byte[] array() {
        return bytes;
    }

    Bytes add(byte[] source, int from, int to) {
        int length = to - from;
        if (length > bytes.length - size) {
            bytes = Arrays.copyOf(bytes, Math.max(bytes.length * 2, size + length));
        }
        System.arraycopy(source, from, bytes, size, length);
        size += length;
        return this;
    }

    Bytes add(byte[] source) {
        return add(source, 0, source.length);
    }

    Bytes add(String ascii) {
        return add(ascii.getBytes(StandardCharsets.ISO_8859_1));
    }

    Bytes add(long number) {
        return add(Long.toString(number));
    }

    byte[] toArray() {
        return Arrays.copyOf(bytes, size);
    }

    /** Forget what is after the first `length` bytes. */
    void cut(int length) {
        size = length;
    }
}
