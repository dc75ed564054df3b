"""What is asked of a dry run."""

from typing import Annotated, Any

from pydantic import Field

from shared.contracts import NodeCode
from shared.web.fields import Body, Day


class ProposedBody(Body):
    """试算 A document, as if it were the node's policy."""

    node: NodeCode
    document: Annotated[
        dict[str, Any],
        Field(
            description="与发布时相同 as for publishing",
            examples=[
                {"title": {"zh": "嘉峪关市积分办法", "en": "Points in Jiayuguan"}, "caps_per_day": {"POINT": 80}}
            ],
        ),
    ]


class DryRunBody(ProposedBody):
    """试算 What would this document have changed, if it had been the node's policy for these months?"""

    in_force_from: Annotated[
        Day | None,
        Field(
            description="打算从哪一天起生效，发布时须相同；默认为最早可选的一天"
            " the first day it is meant to be in force, as for publishing; the earliest there can be if not given"
        ),
    ] = None
    months: Annotated[int, Field(ge=1, le=24, description="最近几个月 how many of the last months")] = 3
