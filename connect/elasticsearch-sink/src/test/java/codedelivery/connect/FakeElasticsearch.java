package codedelivery.connect;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentSkipListMap;
import java.util.function.BiFunction;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Enough of Elasticsearch for a sink: bulk requests that create, with conflicts; what it answers for a document can be set. */
final class FakeElasticsearch implements AutoCloseable {
    private static final Pattern ACTION = Pattern.compile("\\{\"create\":\\{\"_index\":\"([^\"]+)\",\"_id\":\"([^\"]+)\"}}");

    /** Documents by "index/id". */
    final Map<String, String> documents = new ConcurrentSkipListMap<>();
    /** The ids of each bulk request, in their order. */
    final List<List<String>> requests = Collections.synchronizedList(new ArrayList<>());
    final List<String> authorizations = Collections.synchronizedList(new ArrayList<>());
    /** What to answer for (id, number of the request from 0): "status type: reason", or "" to create the document. */
    volatile BiFunction<String, Integer, String> fate = (id, request) -> "";
    /** Status of a whole answer. */
    volatile int status = 200;
    volatile int templateStatus = 200;
    private final HttpServer server;

    FakeElasticsearch() throws IOException {
        this(0);
    }

    FakeElasticsearch(int port) throws IOException {
        server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), port), 0);
        server.createContext("/_bulk", this::bulk);
        server.createContext("/_index_template/", exchange -> answer(exchange, templateStatus, "{}"));
        server.start();
    }

    int port() {
        return server.getAddress().getPort();
    }

    String url() {
        return "http://127.0.0.1:" + port();
    }

    @Override
    public void close() {
        server.stop(0);
    }

    private void bulk(HttpExchange exchange) throws IOException {
        authorizations.add(String.valueOf(exchange.getRequestHeaders().getFirst("Authorization")));
        String body = new String(exchange.getRequestBody().readAllBytes(), StandardCharsets.UTF_8);
        if (status != 200) {
            requests.add(List.of());
            answer(exchange, status, "{\"error\":\"told to\"}");
            return;
        }
        String[] lines = body.split("\n");
        List<String> ids = new ArrayList<>();
        List<String> items = new ArrayList<>();
        int number = requests.size();
        boolean errors = false;
        for (int i = 0; i < lines.length; i += 2) {
            Matcher action = ACTION.matcher(lines[i]);
            if (!action.matches()) {
                answer(exchange, 400, "{\"error\":\"no action: " + lines[i] + "\"}");
                return;
            }
            ids.add(action.group(2));
            String told = fate.apply(action.group(2), number);
            if (told.isEmpty() && documents.putIfAbsent(action.group(1) + "/" + action.group(2), lines[i + 1]) != null) {
                told = "409 version_conflict_engine_exception: document already exists";
            }
            errors |= !told.isEmpty();
            items.add(item(told));
        }
        requests.add(List.copyOf(ids));
        answer(exchange, 200, "{\"errors\":" + errors + ",\"items\":[" + String.join(",", items) + "]}");
    }

    private static String item(String told) {
        if (told.isEmpty()) {
            return "{\"create\":{\"status\":201}}";
        }
        String[] parts = told.split(" |: ", 3);
        return "{\"create\":{\"status\":%s,\"error\":{\"type\":\"%s\",\"reason\":\"%s\"}}}".formatted(parts[0], parts[1], parts[2]);
    }

    private static void answer(HttpExchange exchange, int status, String body) throws IOException {
        byte[] bytes = body.getBytes(StandardCharsets.UTF_8);
        exchange.sendResponseHeaders(status, bytes.length);
        exchange.getResponseBody().write(bytes);
        exchange.close();
    }
}
