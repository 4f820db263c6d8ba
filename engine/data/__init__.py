"""What is shipped, by name. Reading it is the business of `engine.roads.shipped` and `engine.scenario.scenario`; to know the names costs nothing."""

NETWORKS = ("liechtenstein",)
"""Names of the road networks that are shipped."""
