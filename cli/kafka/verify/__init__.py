"""``code-delivery verify``: the positions of a run in the topic and in the stores, compared."""
