"""One declaration per key: reader, check, writer, schema."""
