"""Tells the world: reads Kafka, keeps what it reads, serves REST, the live map and the web page."""
