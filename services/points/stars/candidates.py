"""Who reached a higher grade than they hold and has not applied for it: one range of the accounts' index.

Neither those whose data was erased nor the dead: they are people to invite.
"""

from collections.abc import Sequence
from datetime import date
from typing import Any

from sqlalchemy import ARRAY, BigInteger, ColumnElement, Integer, Select, Uuid, case, cast, func, literal, select

from services.points.stars.views import IN_FORCE, OPEN
from services.points.tables import accounts, deaths, members, star_applications
from services.points.units import Unit


def candidates(
    community: str, minutes: Sequence[int], months_min: int, today: date
) -> tuple[Select[Any], list[ColumnElement[Any]]]:
    """A query for the candidates of a community, and the order that pages follow.

    `minutes` are the policy's thresholds for one to five stars. Only a community's own range of accounts is read, and
    of these only people's (`limited` leaves the accounts of issue out).
    """
    posted = accounts.c.credits - accounts.c.debits
    person = case((accounts.c.limited, cast(accounts.c.holder, Uuid)))
    people = (
        select(
            accounts.c.holder,
            person.label("volunteer_id"),
            posted.label("minutes"),
            # 0 below the first threshold, 5 from the last one on.
            func.width_bucket(posted, cast(list(minutes), ARRAY(BigInteger)), type_=Integer).label("grade_reached"),
        )
        .where(
            accounts.c.community == community,
            accounts.c.unit == int(Unit.SERVICE_MINUTE),
            accounts.c.limited,
            posted >= minutes[0],
        )
        .subquery("people")
    )
    a, held = star_applications.c, star_applications.alias("held")
    open_one = select(literal(1)).where(a.volunteer_id == people.c.volunteer_id, a.stage.in_(OPEN))
    died = select(literal(1)).where(deaths.c.volunteer_id == people.c.volunteer_id)
    grade_held = func.coalesce(held.c.grade, 0)
    query = (
        select(
            people.c.holder,
            people.c.volunteer_id,
            members.c.number.label("volunteer_number"),
            people.c.minutes,
            grade_held.label("grade_held"),
            people.c.grade_reached,
        )
        .join(members, members.c.volunteer_id == people.c.volunteer_id)
        .join(held, (held.c.volunteer_id == people.c.volunteer_id) & held.c.stage.in_(IN_FORCE), isouter=True)
        .where(
            people.c.grade_reached > grade_held,
            ~open_one.exists(),
            ~died.exists(),
            members.c.forgotten_at.is_(None),
        )
    )
    if months_min:
        query = query.where(members.c.registered_on + func.make_interval(0, months_min) <= today)
    return query, [people.c.holder]
