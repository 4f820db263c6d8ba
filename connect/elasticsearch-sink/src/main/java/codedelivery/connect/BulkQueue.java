package codedelivery.connect;

import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.function.BiConsumer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.connect.errors.ConnectException;
import org.apache.kafka.connect.errors.RetriableException;
import org.apache.kafka.connect.sink.SinkRecord;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Bulk requests under way, the oldest first. A batch leaves the queue when each of its documents is stored or refused for good; until then its offsets are not
 * committed. After an error the batch stays, and is sent again by the next call.
 *
 * <p>Used by the task's thread only; no answer is looked at elsewhere.
 */
final class BulkQueue {
    private static final Logger log = LoggerFactory.getLogger(BulkQueue.class);
    private static final Set<Integer> STORED = Set.of(200, 201, 409); // 409: it is there already
    private static final Set<Integer> BUSY = Set.of(429, 500, 502, 503, 504);
    private static final Set<Integer> REFUSED = Set.of(400, 413);
    /** Errors with status 400 that are not the document's fault: there may be no more shards, or the index is closed. */
    private static final Set<String> NOT_THE_DOCUMENTS = Set.of("validation_exception", "index_closed_exception");
    private static final int MAX_WORDS = 400;

    private static final class Sending {
        private Batch batch;
        private CompletableFuture<HttpResponse<byte[]>> answer;

        private Sending(Batch batch) {
            this.batch = batch;
        }
    }

    private final ElasticsearchClient client;
    private final int mostUnderWay;
    private final int maxRetries;
    private final Backoff backoff;
    private final BiConsumer<SinkRecord, MalformedRecord> refuse;
    private final BulkAnswer reader = new BulkAnswer();
    private final Deque<Sending> underWay = new ArrayDeque<>();

    /** `refuse` gets each record that Elasticsearch will never take, and why. */
    BulkQueue(ElasticsearchClient client, int mostUnderWay, int maxRetries, Backoff backoff, BiConsumer<SinkRecord, MalformedRecord> refuse) {
        this.client = client;
        this.mostUnderWay = mostUnderWay;
        this.maxRetries = maxRetries;
        this.backoff = backoff;
        this.refuse = refuse;
    }

    boolean isIdle() {
        return underWay.isEmpty();
    }

    /** Take a batch, which is then the queue's, and send it; waits for the oldest one while too many are under way. */
    void send(Batch batch) {
        Sending sending = new Sending(batch);
        underWay.add(sending);
        while (underWay.size() > mostUnderWay) {
            settleOldest();
        }
        sending.answer = client.bulk(sending.batch);
    }

    /** See to the answers that are there, and to batches that failed before. */
    void settleFinished() {
        while (!underWay.isEmpty() && (underWay.peek().answer == null || underWay.peek().answer.isDone())) {
            settleOldest();
        }
    }

    void settleAll() {
        while (!underWay.isEmpty()) {
            settleOldest();
        }
    }

    /** The first offset of a partition that is not settled, or `otherwise` if all are. */
    long firstUnsettled(TopicPartition partition, long otherwise) {
        long first = otherwise;
        for (Sending sending : underWay) {
            first = Math.min(first, sending.batch.firstOffset(partition, otherwise));
        }
        return first;
    }

    private void settleOldest() {
        Sending oldest = underWay.peek();
        for (int retry = 0; ; retry++) {
            String trouble = attempt(oldest);
            if (oldest.batch.isEmpty()) {
                underWay.remove();
                return;
            }
            if (retry == maxRetries) {
                throw new RetriableException(oldest.batch.size() + " documents are not stored after " + retry + " retries: " + trouble);
            }
            log.info("{} documents are sent again: {}", oldest.batch.size(), trouble);
            pause(backoff.delayMs(retry));
        }
    }

    /** Wait for one answer; return what troubled the documents that are left in the batch. */
    private String attempt(Sending sending) {
        if (sending.answer == null) {
            sending.answer = client.bulk(sending.batch);
        }
        HttpResponse<byte[]> response;
        try {
            response = sending.answer.get();
        } catch (ExecutionException error) {
            String trouble = client.place() + " cannot be reached: " + error.getCause();
            client.turn();
            return trouble;
        } catch (InterruptedException error) {
            throw interrupted(error);
        } finally {
            sending.answer = null;
        }
        if (response.statusCode() == 200) {
            return judge(sending, response.body());
        }
        String told = client.place() + " answered " + response.statusCode() + ": " + cut(new String(response.body(), StandardCharsets.UTF_8));
        if (BUSY.contains(response.statusCode())) {
            return told;
        }
        throw new ConnectException(told + (response.statusCode() == 413 ? " (less than batch.bytes is taken there)" : ""));
    }

    /** Keep only those documents in the batch that have to be sent again. */
    private String judge(Sending sending, byte[] body) {
        List<BulkAnswer.Item> items;
        try {
            items = reader.read(body, sending.batch.size());
        } catch (MalformedRecord error) {
            throw new ConnectException(client.place() + " does not answer like Elasticsearch: " + error.getMessage());
        }
        String trouble = "";
        List<Integer> again = new ArrayList<>();
        for (int i = 0; i < items.size(); i++) {
            BulkAnswer.Item item = items.get(i);
            if (item == null || STORED.contains(item.status())) {
                continue;
            }
            if (BUSY.contains(item.status()) || NOT_THE_DOCUMENTS.contains(item.type())) {
                trouble = item.toString();
                again.add(i);
            } else if (REFUSED.contains(item.status())) {
                refuse.accept(sending.batch.record(i), new MalformedRecord("Elasticsearch refused it: " + cut(item.toString())));
            } else {
                throw new ConnectException("Elasticsearch took no document: " + cut(item.toString()));
            }
        }
        sending.batch = sending.batch.only(again);
        return cut(trouble);
    }

    private static void pause(long ms) {
        try {
            Thread.sleep(ms);
        } catch (InterruptedException error) {
            throw interrupted(error);
        }
    }

    private static ConnectException interrupted(InterruptedException error) {
        Thread.currentThread().interrupt();
        return new ConnectException("the task was interrupted", error);
    }

    private static String cut(String words) {
        return words.length() <= MAX_WORDS ? words : words.substring(0, MAX_WORDS - 3) + "...";
    }
}
