package codedelivery.connect;

import java.util.random.RandomGenerator;

/** How long to wait before a retry: twice as long each time up to a bound, less up to half of it by chance, so that tasks do not come back all at once. */
record Backoff(long firstMs, RandomGenerator chance) {
    static final long LONGEST_MS = 10_000;

    /** Milliseconds before retry number `retry`, the first being 0. */
    long delayMs(int retry) {
        double doubled = firstMs * Math.pow(2, retry);
        long most = (long) Math.min(doubled, LONGEST_MS);
        return most - (long) (most * 0.5 * chance.nextDouble());
    }
}
