package codedelivery.connect;

import java.util.ArrayList;
import java.util.List;

/** What Elasticsearch says of the documents of a bulk request, in their order. */
final class BulkAnswer {
    private static final int CREATED = 201;

    /** One document's fate. */
    record Item(int status, String type, String reason) {
        @Override
        public String toString() {
            return status + " " + type + ": " + reason;
        }
    }

    private final JsonFields answer = new JsonFields("errors", "items");
    private final JsonFields action = new JsonFields("create");
    private final JsonFields item = new JsonFields("status", "error");
    private final JsonFields error = new JsonFields("type", "reason");
    private final JsonCursor items = new JsonCursor();

    /** Return the items that were not created by this request; null in the place of those that were. */
    List<Item> read(byte[] json, int documents) {
        answer.read(json);
        if (answer.kind(0) == JsonKind.FALSE) {
            return List.of();
        }
        List<Item> found = new ArrayList<>(documents);
        items.over(json, answer.start(1), answer.end(1));
        items.expect('[');
        if (!items.take(']')) {
            do {
                items.value();
                found.add(one(json, items.valueStart(), items.valueEnd()));
            } while (items.another(']'));
        }
        if (found.size() != documents) {
            throw new MalformedRecord("expected " + documents + " items in the answer, found " + found.size());
        }
        return found;
    }

    private Item one(byte[] json, int from, int to) {
        action.read(json, from, to);
        item.read(json, action.start(0), action.end(0));
        int status = Integer.parseInt(item.string(0));
        if (status == CREATED) {
            return null;
        }
        if (item.kind(1) != JsonKind.OBJECT) {
            return new Item(status, "", "");
        }
        error.read(json, item.start(1), item.end(1));
        return new Item(status, error.string(0), error.string(1));
    }
}
