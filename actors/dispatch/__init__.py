"""Decides which delivery starts where; knows no Ray and no Kafka client."""
