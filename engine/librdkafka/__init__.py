"""The C interface of the librdkafka inside confluent-kafka's wheel; nothing here opens a client."""
