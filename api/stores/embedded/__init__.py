"""Both stores in local files: SQLite for what is, DuckDB for what was."""

from api.stores.embedded.duckdb_history import DuckDbHistory
from api.stores.embedded.sqlite_state import SqliteState

__all__ = ["SqliteState", "DuckDbHistory"]
