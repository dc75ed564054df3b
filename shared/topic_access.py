"""Who may do what on the bus, where the broker asks for names: told to it by `migrate`.

A service writes its own topics and reads the others' as a member of its own group. Any other system that has a name
reads all topics, in groups whose names begin with `subscriber-`, and writes nothing.
"""

from enum import IntEnum
from typing import NamedTuple

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import SecurityDisabled, for_code
from aiokafka.protocol.admin import CreateAclsRequest

from shared.contracts.envelope import CONTEXTS
from shared.kafka import client_settings
from shared.settings import Settings

EVERYBODY = "*"
SUBSCRIBERS = "subscriber-"
"""How names of other systems' groups begin."""


class Resource(IntEnum):
    """What a rule is about, as the protocol numbers it."""

    TOPIC = 2
    GROUP = 3


class Operation(IntEnum):
    """What may be done to it; to describe it is part of either."""

    READ = 3
    WRITE = 4


_LITERAL, _PREFIXED = 3, 4
_ALLOW = 3
_FROM_ANYWHERE = "*"


class Rule(NamedTuple):
    """Somebody may do something to a resource, or to all whose names begin so."""

    user: str
    operation: Operation
    resource: Resource
    name: str
    prefixed: bool = False


def rules(settings: Settings) -> list[Rule]:
    """All rules of an installation."""
    own = [Rule(context, Operation.WRITE, Resource.TOPIC, settings.topic(context)) for context in CONTEXTS]
    own.append(Rule("points", Operation.WRITE, Resource.TOPIC, settings.topic("points.balances")))
    groups = [Rule(context, Operation.READ, Resource.GROUP, settings.group(context)) for context in CONTEXTS]
    return [
        *own,
        *groups,
        Rule(EVERYBODY, Operation.READ, Resource.TOPIC, f"{settings.kafka_namespace}.", prefixed=True),
        Rule(EVERYBODY, Operation.READ, Resource.GROUP, SUBSCRIBERS, prefixed=True),
    ]


async def grant(settings: Settings) -> bool:
    """Tell the broker the rules; false where it has no authorizer to hold anybody to them. Safe to repeat.

    Takes a user who may alter the cluster. Raises the broker's refusal otherwise.
    """
    admin = AIOKafkaAdminClient(**client_settings(settings))
    await admin.start()
    try:
        for rule in rules(settings):
            # The client has no call for this, but the request, and a way to send one.
            answer = await admin._send_request(_request(rule))
            for code, reason in answer.creation_responses:
                if code == SecurityDisabled.errno:
                    return False
                if code:
                    raise for_code(code)(reason)
        return True
    finally:
        await admin.close()


def _request(rule: Rule) -> CreateAclsRequest:
    pattern = _PREFIXED if rule.prefixed else _LITERAL
    return CreateAclsRequest(
        rule.resource, rule.name, pattern, f"User:{rule.user}", _FROM_ANYWHERE, rule.operation, _ALLOW
    )
