"""``code-delivery verify``: do the topic and the stores hold the same positions of a run?"""
