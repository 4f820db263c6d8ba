"""The dispatcher's access to Kafka: its request reader, its facts and its journal."""
