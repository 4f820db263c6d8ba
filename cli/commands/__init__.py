"""One thin file per command: its options, and the calls of the room that does the work.

`cli.main` imports a command's file when the command is asked for, so that ``code-delivery version`` waits for no web
framework and no road network. The files themselves import at their top.
"""
