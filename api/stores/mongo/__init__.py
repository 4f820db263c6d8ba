"""The state store on MongoDB."""

from api.stores.mongo.state import MongoState

__all__ = ["MongoState"]
