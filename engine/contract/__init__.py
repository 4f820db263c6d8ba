"""Topics, JSON Schemas, how a Kafka is reached."""
