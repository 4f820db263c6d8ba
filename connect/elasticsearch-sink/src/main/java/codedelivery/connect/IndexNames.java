package codedelivery.connect;

import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.time.ZoneOffset;
import java.time.ZonedDateTime;
import java.time.format.DateTimeFormatter;
import java.time.temporal.ChronoUnit;

/**
 * Names of the indices of one kind. An index is named for the time of what is in it, never for the time of writing: a record that comes again meets its first
 * copy in the same index.
 */
final class IndexNames {
    /** 2000-01-01 and 2100-01-01 UTC as epoch ms: nothing has an index before the one, nor from the other on. A wrong clock would make thousands of them. */
    static final long FIRST_MS = 946_684_800_000L;
    static final long END_MS = 4_102_444_800_000L;

    enum Period {
        HOUR("uuuu.MM.dd.HH"), DAY("uuuu.MM.dd"), MONTH("uuuu.MM");

        private final DateTimeFormatter format;

        Period(String pattern) {
            format = DateTimeFormatter.ofPattern(pattern);
        }

        ZonedDateTime beginning(ZonedDateTime time) {
            return switch (this) {
                case HOUR -> time.truncatedTo(ChronoUnit.HOURS);
                case DAY -> time.truncatedTo(ChronoUnit.DAYS);
                case MONTH -> time.truncatedTo(ChronoUnit.DAYS).withDayOfMonth(1);
            };
        }

        ZonedDateTime end(ZonedDateTime beginning) {
            return switch (this) {
                case HOUR -> beginning.plusHours(1);
                case DAY -> beginning.plusDays(1);
                case MONTH -> beginning.plusMonths(1);
            };
        }
    }

    private final String alias;
    private final Period period;
    private byte[] name = {};
    private long fromMs;
    private long toMs;

    IndexNames(String prefix, String kind, Period period) {
        alias = prefix + "-" + kind;
        this.period = period;
    }

    /** The name under which all indices of the kind are read; their template has it too. */
    String alias() {
        return alias;
    }

    /** The index of an instant, as ASCII; `what` names the instant in the refusal. */
    byte[] at(long epochMs, String what) {
        if (epochMs < fromMs || epochMs >= toMs) {
            if (epochMs < FIRST_MS || epochMs >= END_MS) {
                throw new MalformedRecord(what + " must be from 2000-01-01 to 2100-01-01 (epoch ms), found " + epochMs);
            }
            ZonedDateTime beginning = period.beginning(Instant.ofEpochMilli(epochMs).atZone(ZoneOffset.UTC));
            fromMs = beginning.toInstant().toEpochMilli();
            toMs = period.end(beginning).toInstant().toEpochMilli();
            name = (alias + "-" + period.format.format(beginning)).getBytes(StandardCharsets.US_ASCII);
        }
        return name;
    }
}
