"""Errors of the command line that a user can mend: each is one message and exit code 2.

CliError
├── StackError           a part of the stack was not ready in time, or a port is taken (`cli.local.stack`)
├── ChildDied            a part of the stack ended by itself (`cli.local.child`)
├── BrokerError          the embedded broker could not be started (`cli.local.broker`)
├── ApiError             the API refused or did not answer (`cli.local.api_client`)
├── NoFreePort           no port is left on this machine (`cli.local.port`)
├── ServicesError        local services could not do what was asked (`cli.local.services.errors`)
├── ConnectError         Kafka Connect refused or did not answer (`cli.kafka.connect_api`)
├── TopicsError          topics could not be read or created (`cli.kafka.topics`)
└── TopicUnreadable      a topic could not be read to its noted end (`cli.kafka.topic_reader`)

Bad input is an `engine.errors.InvalidInput` here as everywhere.
"""

from __future__ import annotations


class CliError(RuntimeError):
    """A command could not do what was asked; the message says what, where and how to mend it."""
