"""Puts the engine's deliveries on a Ray cluster and their facts on Kafka."""
