package codedelivery.connect;

import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublisher;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.util.Base64;
import java.util.List;
import java.util.concurrent.CompletableFuture;

/** The two requests that a sink makes. Bodies are not compressed: on a local network that costs more than it saves. */
final class ElasticsearchClient {
    private static final String BULK = "/_bulk?filter_path=errors,items.*.status,items.*.error.type,items.*.error.reason";

    private final HttpClient http;
    private final SinkSettings settings;
    private final List<URI> urls;
    private int current;

    ElasticsearchClient(SinkSettings settings) {
        this.settings = settings;
        urls = settings.urls();
        http = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).connectTimeout(settings.requestTimeout()).build();
    }

    /** Where requests go now, without user and password. */
    String place() {
        URI url = urls.get(current);
        return url.getHost() + (url.getPort() < 0 ? "" : ":" + url.getPort());
    }

    /** Turn to the next address; called when this one could not be reached. */
    void turn() {
        current = (current + 1) % urls.size();
    }

    CompletableFuture<HttpResponse<byte[]>> bulk(Batch batch) {
        BodyPublisher body = BodyPublishers.ofByteArray(batch.lines().array(), 0, batch.lines().size());
        HttpRequest request = request(BULK).header("Content-Type", "application/x-ndjson").POST(body).build();
        return http.sendAsync(request, BodyHandlers.ofByteArray());
    }

    /** The status of the answer when an index template is asked for. */
    int templateStatus(String name) throws IOException, InterruptedException {
        return http.send(request("/_index_template/" + name).GET().build(), BodyHandlers.discarding()).statusCode();
    }

    private HttpRequest.Builder request(String path) {
        URI url = urls.get(current);
        String root = url.getRawPath().endsWith("/") ? url.getRawPath().substring(0, url.getRawPath().length() - 1) : url.getRawPath();
        HttpRequest.Builder request = HttpRequest.newBuilder(URI.create(url.getScheme() + "://" + place() + root + path));
        if (settings.apiKey() != null) {
            request.header("Authorization", "ApiKey " + settings.apiKey());
        } else if (url.getUserInfo() != null) {
            request.header("Authorization", "Basic " + Base64.getEncoder().encodeToString(url.getUserInfo().getBytes(StandardCharsets.UTF_8)));
        }
        return request.timeout(settings.requestTimeout());
    }
}
