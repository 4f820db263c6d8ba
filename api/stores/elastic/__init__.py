"""The history in Elasticsearch 9."""

from api.stores.elastic.history import ElasticHistory, ElasticOptions
from api.stores.elastic.names import Period

__all__ = ["ElasticHistory", "ElasticOptions", "Period"]
