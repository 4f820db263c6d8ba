"""From encoded records to Kafka."""
