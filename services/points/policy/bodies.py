"""What routes of policies and restatements, and of their dry runs, take."""

from typing import Annotated

from pydantic import Field

from shared.contracts import NodeCode
from shared.web.fields import Body, Day

Receipt = Annotated[
    str | None,
    Field(
        max_length=200,
        description="试算答复中的 receipt，须为同一内容的试算 the receipt of the dry run of exactly this",
    ),
]


class RestatedDaysBody(Body):
    """试算追溯调整 Which days, and as if which published policy of the node had been in force on them."""

    node: NodeCode
    policy_version: Annotated[
        int,
        Field(ge=1, le=2**31 - 1, description="该节点已发布的办法 a policy that was published for this node"),
    ]
    since: Annotated[Day, Field(description="首日 first day")]
    until: Annotated[Day, Field(description="末日，须已结束 last day; it must be over")]
