"""One of everything in one community, made through the APIs: what the permission walk meets."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

from services.points.anomalies.watch import AnomalyWatch
from services.points.earning.backlog import Backlog
from tests.conftest import COMMUNITY, ROOT, Running
from tests.integration.points.serving import serve
from tests.integration.telling import registered, tell
from tests.moments import now
from tests.pictures import png

HOUR = timedelta(hours=1)


async def made(client: Any, path: str, body: Any = None, **options: Any) -> Any:
    answer = await client.post(path, json=body, **options) if not options else await client.post(path, **options)
    assert answer.is_success, (path, answer.text)
    return answer.json()


async def furnish(name: str, running: Running) -> dict[str, Any]:
    """Known path parameters by name, and a valid body for commands by ``POST /path``."""
    return await {"registry": registry, "points": points, "grid_patrol": grid_patrol, "mediation": mediation}[name](
        running
    )


async def registry(running: Running) -> dict[str, Any]:
    at = now()
    district, clerk = running.client("district", "620201"), running.client()
    divisions = ROOT / "services/registry/organisation/data/jiayuguan-divisions.csv"
    files = {"file": ("divisions.csv", divisions.read_bytes(), "text/csv")}
    await made(district, "/v1/organisation/imports", files=files, data={"source": "test"})
    person = {
        "community": COMMUNITY,
        "name": "合成志愿者",
        "id_number": "620298198001010016",
        "phone": "15400000000",
        "consent": True,
    }
    person["id_number"] = _valid(person["id_number"])
    schema = running.service.app.openapi()["components"]["schemas"]["RegisterVolunteerBody"]["properties"]
    volunteer = await made(clerk, "/v1/volunteers", {k: v for k, v in person.items() if k in schema})
    team = await made(clerk, "/v1/teams", {"community": COMMUNITY, "name": "测试队", "kind": "culture"})
    activity = {
        "community": COMMUNITY,
        "title": "清洁家园",
        "category": "environment",
        "planned_start": (at - 5 * HOUR).isoformat(),
        "planned_end": (at - 3 * HOUR).isoformat(),
    }
    published = await made(clerk, "/v1/activities", activity)
    entry = {
        "volunteer": volunteer["id"],
        "checked_in_at": (at - 5 * HOUR).isoformat(),
        "checked_out_at": (at - 3 * HOUR).isoformat(),
    }
    path = f"/v1/activities/{published['id']}"
    await made(clerk, f"{path}/attendances", {"entries": [entry]})
    await made(clerk, f"{path}/completion", {})
    return {
        "volunteer_id": volunteer["id"],
        "team_id": team["id"],
        "activity_id": published["id"],
        "POST /v1/activities": activity,
        "POST /v1/volunteer-moves": {key: person[key] for key in ("community", "name", "id_number")},
        "POST /v1/teams": {"community": COMMUNITY, "name": "别的队", "kind": "culture"},
        "POST /v1/teams/{team_id}/members": {"volunteers": [volunteer["id"]]},
        "POST /v1/activities/{activity_id}/attendances": {"entries": [entry]},
        "POST /v1/activities/{activity_id}/completion": {},
        "POST /v1/activities/{activity_id}/corrections": {
            "volunteer": volunteer["id"],
            "minutes": 60,
            "evidence": "scanned",
            "reason": "wrong_time",
        },
        "POST /v1/activities/{activity_id}/assessments": {
            "volunteer": volunteer["id"],
            "side": "organiser",
            "quality": "good",
        },
        "POST /v1/activities/{activity_id}/cancellation": {"reason": "weather"},
        "POST /v1/volunteers/{volunteer_id}/consent-withdrawal": {},
        "POST /v1/volunteers/{volunteer_id}/forgetting": {},
    }


def _valid(number: str) -> str:
    weights = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2]
    total = sum(int(digit) * weight for digit, weight in zip(number[:17], weights, strict=True))
    return number[:17] + "10X98765432"[total % 11]


async def points(running: Running) -> dict[str, Any]:
    at = now()
    clerk = running.client()
    listing = {"community": COMMUNITY, "name": "毛巾", "price_points": 15}
    item = await made(clerk, "/v1/items", listing)
    await made(clerk, f"/v1/items/{item['id']}/receipts", {"quantity": 3})
    await made(clerk, f"/v1/items/{item['id']}/photo", files={"photo": ("towel.png", png(), "image/png")})
    person = uuid4()
    await tell(running.service, registered(person))
    await serve(running.service, person, 100, at)
    application_body = {"volunteer_id": str(person), "grade": 1}
    application = (await made(clerk, "/v1/stars/applications", application_body))["application_id"]
    certificate_body = {
        "volunteer_id": str(person),
        "since": "2020-01-01",
        "until": at.date().isoformat(),
        "name": "合成志愿者",
        "id_kind": "居民身份证",
        "id_number": "620298198001010016",
        "issuer": "合成社区",
        "responsible_person": "合成负责人",
        "handler": "合成经办人",
        "contact": "0937-0000000",
    }
    certificate = (await made(clerk, "/v1/certificates", certificate_body))["certificate_id"]
    await serve(running.service, person, 10, at)  # with eight on the same days
    await AnomalyWatch(running.service.workshop, 1, Backlog()).look_at_everything()
    flag = (await clerk.get("/v1/anomalies")).json()["items"][0]
    line = {"item_id": item["id"], "quantity": 2}
    donor_body = {"community": COMMUNITY, "kind": "firm", "name": "合成捐赠人"}
    donor = await made(clerk, "/v1/donors", donor_body)
    donation_body = {"donor_id": donor["id"], "lines": [line]}
    donation = await made(clerk, "/v1/donations", donation_body)
    budget = {"community": COMMUNITY, "amount_fen": 100_000}
    await made(running.client("district", "620201"), "/v1/budgets", budget)
    supplier_body = {"community": COMMUNITY, "name": "合成供应商"}
    supplier = await made(clerk, "/v1/suppliers", supplier_body)
    purchase_body = {
        "supplier_id": supplier["id"],
        "lines": [{**line, "unit_price_fen": 500}],
        "receipt_reference": "FP-1",
    }
    purchase = await made(clerk, "/v1/purchases", purchase_body)
    sale_body = {"community": COMMUNITY, "lines": [line], "amount_fen": 900}
    sale = await made(clerk, "/v1/sales", sale_body)
    household_body = {"community": COMMUNITY, "name": "合成户主"}
    household = await made(clerk, "/v1/households", household_body)
    need = {"reason": "low_income", "until": (at + 300 * timedelta(days=1)).date().isoformat()}
    await made(clerk, f"/v1/households/{household['id']}/need", need)
    aid_body = {"household_id": household["id"], "lines": [line]}
    gift = await made(clerk, "/v1/aid", aid_body)
    return {
        **await time_bank(running, str(person)),
        "volunteer_id": str(person),
        "application_id": application,
        "certificate_id": certificate,
        "flag_id": flag["id"],
        "POST /v1/anomalies/{flag_id}/review": {},
        "POST /v1/anomalies/{flag_id}/hold": {},
        "POST /v1/anomalies/{flag_id}/release": {},
        "POST /v1/anomalies/{flag_id}/dismissal": {"reason": "approved"},
        "POST /v1/anomalies/{flag_id}/upholding": {"reason": "not_present"},
        "POST /v1/stars/applications": application_body,
        "POST /v1/stars/applications/{application_id}/assessment": {"quality": "met"},
        "POST /v1/certificates": certificate_body,
        "POST /v1/certificates/{certificate_id}/objection": {"reason": "other"},
        "POST /v1/certificates/{certificate_id}/settlement": {"upheld": False},
        "POST /v1/certificates/{certificate_id}/voiding": {"reason": "other"},
        "item_id": item["id"],
        "community": COMMUNITY,
        "donor_id": donor["id"],
        "donation_id": donation["id"],
        "supplier_id": supplier["id"],
        "purchase_id": purchase["id"],
        "sale_id": sale["id"],
        "household_id": household["id"],
        "gift_id": gift["id"],
        "POST /v1/donors": donor_body,
        "POST /v1/donations": donation_body,
        "PATCH /v1/donors/{donor_id}": {"contact": "合成联系人"},
        "POST /v1/donors/{donor_id}/forgetting": {},
        "POST /v1/suppliers": supplier_body,
        "PATCH /v1/suppliers/{supplier_id}": {"contact": "合成联系人"},
        "POST /v1/suppliers/{supplier_id}/forgetting": {},
        "POST /v1/purchases": purchase_body,
        "POST /v1/sales": sale_body,
        "POST /v1/households": household_body,
        "PATCH /v1/households/{household_id}": {"address": "合成路 2 号"},
        "POST /v1/households/{household_id}/members": {"members": []},
        "POST /v1/households/{household_id}/need": need,
        "POST /v1/households/{household_id}/need/end": {},
        "POST /v1/households/{household_id}/forgetting": {},
        "POST /v1/aid": aid_body,
        "POST /v1/aid/{gift_id}/approvals": {},
        "POST /v1/aid/{gift_id}/refusal": {},
        "POST /v1/aid/{gift_id}/handover": {},
        "POST /v1/aid/{gift_id}/cancellation": {},
        "POST /v1/items/{item_id}/prices": {
            "price_points": 9,
            "first_day": (at + timedelta(days=3)).date().isoformat(),
            "last_day": (at + timedelta(days=4)).date().isoformat(),
        },
        "POST /v1/items/{item_id}/description": {"category": "household", "piece": "条"},
        "POST /v1/items/{item_id}/counts": {"counted": 1, "reason": "lost"},
        "POST /v1/items": listing,
        "POST /v1/items/{item_id}/price": {"price_points": 20},
        "POST /v1/items/{item_id}/receipts": {"quantity": 1},
        "POST /v1/items/{item_id}/name": {"name": "面巾"},
        "POST /v1/items/{item_id}/relisting": {},
        "POST /v1/items/{item_id}/delisting": {},
        "POST /v1/items/{item_id}/photo/removal": {},
    }


async def time_bank(running: Running, volunteer: str) -> dict[str, Any]:
    """Spending in the time bank: somebody to be served, a relation, an order and a death."""
    at = now()
    clerk, (dead, provider) = running.client(), await heard_of(running, 2)
    person = {"name": "合成老人", "id_number": _valid("62029819450101001")}
    beneficiary_body = {"community": COMMUNITY, "person": person}
    beneficiary = await made(clerk, "/v1/beneficiaries", beneficiary_body)
    kin_body = {"volunteer_id": volunteer, "beneficiary_id": beneficiary["id"], "relation": "parent"}
    tie = await made(clerk, "/v1/kin", kin_body)
    order_body = {
        "beneficiary_id": beneficiary["id"],
        "service": "errands",
        "planned_minutes": 30,
        "payer": "pool",
        "kin_asked": True,
    }
    order = await made(clerk, "/v1/time-orders", order_body)
    death_body = {"volunteer_id": dead, "died_on": "2020-01-01"}
    death = await made(clerk, "/v1/deaths", death_body)
    give = {"minutes": 1, "agreed": True}
    return {
        "beneficiary_id": beneficiary["id"],
        "kin_id": tie["id"],
        "time_order_id": order["id"],
        "death_id": death["id"],
        "POST /v1/beneficiaries": beneficiary_body,
        "PATCH /v1/beneficiaries/{beneficiary_id}": {"address": "合成路 2 号"},
        "POST /v1/beneficiaries/{beneficiary_id}/forgetting": {},
        "POST /v1/kin": kin_body,
        "POST /v1/kin/{kin_id}/verification": {},
        "POST /v1/kin/{kin_id}/end": {},
        "POST /v1/time-orders": order_body,
        "POST /v1/time-orders/{time_order_id}/approval": {},
        "POST /v1/time-orders/{time_order_id}/acceptance": {"provider_id": provider},
        "POST /v1/time-orders/{time_order_id}/service": {"started_at": at.isoformat(), "minutes": 10},
        "POST /v1/time-orders/{time_order_id}/confirmation": {},
        "POST /v1/time-orders/{time_order_id}/cancellation": {"reason": "other"},
        "POST /v1/minutes/gifts": {"giver_id": volunteer, "beneficiary_id": beneficiary["id"], **give},
        "POST /v1/minutes/donations": {"volunteer_id": volunteer, **give},
        "POST /v1/deaths": death_body,
        "POST /v1/deaths/{death_id}/confirmation": {},
        "POST /v1/deaths/{death_id}/withdrawal": {},
        "POST /v1/deaths/{death_id}/settlement": {},
    }


async def heard_of(running: Running, count: int) -> list[str]:
    """Volunteers that the service has heard of, as if over the bus."""
    people = [uuid4() for _ in range(count)]
    await tell(running.service, *(registered(person) for person in people))
    return [str(person) for person in people]


async def grid_patrol(running: Running, people: list[str] | None = None) -> dict[str, Any]:
    """`people` are volunteers that the service knows of or will hear of in a moment."""
    at = now()
    clerk, people = running.client(), people or await heard_of(running, 2)
    cells = {"community": COMMUNITY, "cells": [{"cell": "QL001", "area_m2": 10_000}]}
    await made(clerk, "/v1/cells", cells)
    crew_body = {"community": COMMUNITY, "name": "巡逻队", "kind": "volunteer", "members": people}
    crew = (await made(clerk, "/v1/crews", crew_body))["crew_id"]
    shift_body = {
        "crew_id": crew,
        "cells": ["QL001"],
        "members": people,
        "planned_start": (at - 4 * HOUR).isoformat(),
        "planned_end": (at - 2 * HOUR).isoformat(),
    }
    shift = (await made(clerk, "/v1/shifts", shift_body))["shift_id"]
    await made(clerk, f"/v1/shifts/{shift}/start", {"started_at": (at - 4 * HOUR).isoformat()})
    finding_body = {"cell": "QL001", "kind": "hazard", "risk": "blue", "reported_by": people[0], "text": "合成数据"}
    finding = (await made(clerk, f"/v1/shifts/{shift}/findings", finding_body))["finding_id"]
    return {
        "community": COMMUNITY,
        "cell": "QL001",
        "crew_id": crew,
        "shift_id": shift,
        "finding_id": finding,
        "POST /v1/cells": cells,
        "POST /v1/crews": crew_body,
        "POST /v1/shifts": shift_body,
        "POST /v1/shifts/{shift_id}/findings": finding_body,
        "POST /v1/shifts/{shift_id}/log": {},
        "POST /v1/shifts/{shift_id}/corrections": {
            "volunteer_id": people[0],
            "minutes": 60,
            "evidence": "backfilled",
            "reason": "wrong_time",
        },
        "POST /v1/crews/{crew_id}/disbanding": {},
        "POST /v1/cells/{community}/{cell}/retirement": {},
    }


async def mediation(running: Running) -> dict[str, Any]:
    clerk, (mediator, other) = running.client(), await heard_of(running, 2)
    body = {"community": COMMUNITY, "kind": "neighbour", "parties": [{"role": "applicant", "name": "合成当事人"}]}
    case = (await made(clerk, "/v1/cases", body))["case_id"]
    path = f"/v1/cases/{case}"
    await made(clerk, f"{path}/mediators", {"mediator_id": mediator})
    parties = (await clerk.get(f"{path}/parties")).json()
    return {
        "case_id": case,
        "mediator_id": mediator,
        "party_id": parties[0]["party_id"],
        "POST /v1/cases": body,
        "POST /v1/cases/{case_id}/mediators": {"mediator_id": other},
        "POST /v1/cases/{case_id}/withdrawal": {},
        "POST /v1/cases/{case_id}/corrections": {
            "record_id": case,
            "minutes": 60,
            "evidence": "backfilled",
            "reason": "wrong_time",
        },
        "POST /v1/cases/{case_id}/decline": {"reason": "not_mediable"},
    }
