"""The 25 service teams of 祁连社区, as the mission document names or implies them."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class TeamSeed:
    """A team to be formed."""

    name: str
    kind: str
    """Kind of team, as `TeamFormed.kind` tells it."""
    origin: Literal["appointed", "self_formed"] = "appointed"
    """The document complains that few teams are self-formed; here three are."""
    weight: int = 4
    """How many of a hundred volunteers or so choose it first."""


TEAMS: tuple[TeamSeed, ...] = (
    TeamSeed("巾帼志愿服务队", "women", weight=7),
    TeamSeed("文化体育服务队", "culture", weight=7),
    TeamSeed("保护环境服务队", "environment", weight=8),
    TeamSeed("卫生志愿服务队", "health", weight=4),
    TeamSeed("义诊服务队", "health", weight=3),
    TeamSeed("矛盾纠纷调解志愿服务队", "mediation", weight=4),
    TeamSeed("社区治安联防队", "patrol_joint_defence", weight=5),
    TeamSeed("社区志愿者巡逻队", "patrol_volunteers", weight=7),
    TeamSeed("社区干部巡逻队", "patrol_officers", weight=3),
    TeamSeed("五老志愿服务队", "elders", weight=3),
    TeamSeed("四点半课堂辅导队", "children", weight=3),
    TeamSeed("流动儿童之家服务队", "children", weight=3),
    TeamSeed("大手牵小手服务队", "children", weight=3),
    TeamSeed("爱心妈妈服务队", "children", weight=3),
    TeamSeed("文明劝导服务队", "civility", weight=5),
    TeamSeed("就业培训服务队", "employment", weight=3),
    TeamSeed("手工技艺服务队", "handicraft", "self_formed", weight=2),
    TeamSeed("孤寡老人结对帮扶队", "pairing", weight=5),
    TeamSeed("扶残助残服务队", "pairing", weight=3),
    TeamSeed("爱心超市服务队", "love_market", weight=3),
    TeamSeed("我们的节日服务队", "festivals", weight=4),
    TeamSeed("德润祁连宣传队", "publicity", "self_formed", weight=3),
    TeamSeed("扶贫解困服务队", "relief", weight=4),
    TeamSeed("家政便民服务队", "housekeeping", "self_formed", weight=3),
    TeamSeed("在职党员先锋服务队", "party", weight=12),
)
