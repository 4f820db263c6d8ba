"""Is every position there, once and unchanged?"""
