"""A team's name belongs to one team of its community."""

from collections.abc import Iterable, Mapping
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection


async def claim_names(connection: AsyncConnection, community: str, names: Mapping[str, UUID]) -> frozenset[str]:
    """Reserve names for new teams. Returns those that were free; a concurrent claim is waited for."""
    rows = await connection.execute(
        text(
            "INSERT INTO team_names (community, name, team_id)"
            " SELECT :community, n, t FROM unnest(cast(:names AS text[]), cast(:teams AS uuid[])) AS row(n, t)"
            " ORDER BY n ON CONFLICT (community, name) DO NOTHING RETURNING name"
        ),
        {"community": community, "names": list(names), "teams": list(names.values())},
    )
    return frozenset(row[0] for row in rows)


async def release_name(connection: AsyncConnection, team_id: UUID) -> None:
    """Free the name of a team that is no more."""
    await connection.execute(text("DELETE FROM team_names WHERE team_id = :team_id"), {"team_id": team_id})


async def teams_named(connection: AsyncConnection, community: str, names: Iterable[str]) -> dict[str, UUID]:
    """The community's teams of these names."""
    rows = await connection.execute(
        text("SELECT name, team_id FROM team_names WHERE community = :community AND name = ANY(:names)"),
        {"community": community, "names": list(names)},
    )
    return {row.name: row.team_id for row in rows}


_KINDS = (
    ("women", ("巾帼", "妇女", "爱心妈妈")),
    ("mediation", ("调解", "纠纷")),
    ("patrol", ("巡逻", "巡防", "联防", "治安")),
    ("culture", ("文体", "文化", "文艺", "体育")),
    ("environment", ("环保", "环境", "保洁", "绿化")),
    ("health", ("卫生", "医疗", "义诊", "健康")),
    ("elders", ("五老", "老年", "夕阳")),
    ("children", ("儿童", "青少年", "课堂", "大手牵小手")),
    ("traffic", ("文明劝导", "交通")),
    ("party", ("党员", "先锋")),
    ("care", ("帮扶", "助老", "助残", "敬老", "关爱")),
    ("law", ("法律", "普法")),
)


def kind_of(name: str) -> str:
    """The kind that a team's name tells, `general` where it tells none; for teams formed from a roster."""
    for kind, words in _KINDS:
        if any(word in name for word in words):
            return kind
    return "general"
