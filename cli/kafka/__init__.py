"""Tools on a real Kafka: topics, dead letters, Connect, verification."""
