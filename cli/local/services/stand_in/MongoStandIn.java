import de.bwaldvogel.mongo.MongoBackend;
import de.bwaldvogel.mongo.MongoServer;
import de.bwaldvogel.mongo.MongoVersion;
import de.bwaldvogel.mongo.backend.h2.H2Backend;
import de.bwaldvogel.mongo.backend.memory.MemoryBackend;
import de.bwaldvogel.mongo.bson.Document;
import de.bwaldvogel.mongo.wire.message.MongoMessage;
import java.util.Collection;
import java.util.List;
import java.util.Set;
import java.util.function.Function;

/**
 * A third-party MongoDB-wire server, not MongoDB: mongo-java-server, made acceptable to today's drivers.
 *
 * <pre>java -cp 'libs/*:classes' MongoStandIn PORT memory|FILE</pre>
 *
 * What it adds to the library: a version that drivers accept, the command "hello", the number of documents that an insert with errors has written, a clear refusal of
 * transactions, and with a FILE a commit before each reply, so that what was acknowledged outlives SIGKILL.
 */
public final class MongoStandIn {
    private static final int WIRE_VERSION = 25;
    private static final List<Integer> VERSION = List.of(8, 0, 0);
    private static final int ILLEGAL_OPERATION = 20;

    private static final Set<String> READS =
        Set.of("find", "getMore", "count", "distinct", "ping", "killCursors", "listCollections", "listDatabases", "listIndexes",
            "buildInfo", "buildinfo", "serverStatus", "hello", "isMaster", "ismaster", "endSessions", "getParameter", "whatsmyuri");

    private MongoStandIn() {
    }

    private static final class InMemory extends MemoryBackend {
        @Override
        public Document handleMessage(MongoMessage message) {
            return answer(this, message, super::handleMessage);
        }
    }

    private static final class OnDisk extends H2Backend {
        OnDisk(String file) {
            super(file);
        }

        @Override
        public Document handleMessage(MongoMessage message) {
            Document reply = answer(this, message, super::handleMessage);
            if (!READS.contains(commandOf(message.getDocument()))) {
                commit();
            }
            return reply;
        }
    }

    private static final class Version implements MongoVersion {
        @Override
        public List<Integer> getVersionArray() {
            return VERSION;
        }

        @Override
        public int getWireVersion() {
            return WIRE_VERSION;
        }
    }

    /** The first key of a command is its name. */
    private static String commandOf(Document query) {
        return query.keySet().iterator().next();
    }

    private static Document answer(MongoBackend backend, MongoMessage message, Function<MongoMessage, Document> library) {
        Document query = message.getDocument();
        if (query.containsKey("startTransaction")) {
            return noTransactions();
        }
        switch (commandOf(query)) {
            case "hello":
                return greeting(backend, message, "isWritablePrimary");
            case "isMaster":
            case "ismaster":
                return greeting(backend, message, "ismaster");
            case "endSessions":
            case "refreshSessions":
                return new Document("ok", 1.0);
            case "commitTransaction":
            case "abortTransaction":
                return noTransactions();
            case "insert":
                return withCount(query, library.apply(message));
            default:
                return library.apply(message);
        }
    }

    /** The library knows "isMaster" only; drivers that ask "hello" want the same under another name. */
    private static Document greeting(MongoBackend backend, MongoMessage message, String role) {
        String database = String.valueOf(message.getDocument().get("$db"));
        Document reply = backend.handleCommand(message.getChannel(), database, "isMaster", new Document("isMaster", 1));
        reply.remove("ismaster");
        reply.put(role, true);
        reply.put("helloOk", true);
        reply.put("logicalSessionTimeoutMinutes", 30);
        return reply;
    }

    private static Document noTransactions() {
        return new Document("ok", 0.0)
            .append("code", ILLEGAL_OPERATION)
            .append("codeName", "IllegalOperation")
            .append("errmsg", "Transaction numbers are only allowed on a replica set member or mongos");
    }

    /** An ordered insert ends at its first error; an unordered one writes all the others. The library says neither. */
    private static Document withCount(Document query, Document reply) {
        if (reply.get("writeErrors") instanceof Collection<?> errors && !errors.isEmpty() && query.get("documents") instanceof Collection<?> documents) {
            boolean ordered = !Boolean.FALSE.equals(query.get("ordered"));
            Number first = (Number) ((Document) errors.iterator().next()).get("index");
            reply.put("n", ordered ? first.intValue() : documents.size() - errors.size());
        }
        return reply;
    }

    public static void main(String[] arguments) throws InterruptedException {
        MongoBackend backend = arguments[1].equals("memory") ? new InMemory() : new OnDisk(arguments[1]);
        backend.version(new Version());
        MongoServer server = new MongoServer(backend);
        server.bind("127.0.0.1", Integer.parseInt(arguments[0]));
        Runtime.getRuntime().addShutdownHook(new Thread(server::shutdownNow));
        Thread.currentThread().join();
    }
}
