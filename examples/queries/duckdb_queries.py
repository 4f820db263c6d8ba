"""Print what every statement beside this file answers: ``duckdb_queries.py HISTORY``."""

import sys
from pathlib import Path

import duckdb

with duckdb.connect(sys.argv[1], read_only=True) as history:
    for statement in sorted(Path(__file__).parent.glob("*.sql")):
        text = statement.read_text(encoding="utf-8")
        print(f"{statement.name}: {text.splitlines()[0].removeprefix('-- ')}")
        print(history.sql(text))
