"""The shipped networks and scenarios, by name; the names cost nothing to know.

`engine.roads.shipped` and `engine.scenario.files` read the files.
"""

NETWORKS = ("liechtenstein",)
"""Names of the road networks that are shipped."""
