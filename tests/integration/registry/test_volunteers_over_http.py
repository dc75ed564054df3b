"""Registration, identities, consent and being forgotten, over HTTP and a real database."""

import asyncio
from datetime import date

from tests.conftest import DISTRICT, FOREIGN
from tests.integration.registry.conftest import Registry, id_number


async def test_a_person_gets_one_number_and_is_found_again(registry: Registry) -> None:
    first = await registry.volunteer(1)
    assert first["number"] == "620201001004-000001"
    told = await registry.refused(
        registry.clerk.post("/v1/volunteers", json=registry.person(1)), 409, "volunteer_already_registered"
    )
    assert first["number"] in told["detail"]
    await registry.refused(
        registry.client("district", DISTRICT).post("/v1/volunteers", json=registry.person(1, community=FOREIGN)),
        409,
        "volunteer_already_registered",
    )


async def test_of_two_who_register_the_same_person_at_once_one_is_refused(registry: Registry) -> None:
    answers = await asyncio.gather(*(registry.clerk.post("/v1/volunteers", json=registry.person(7)) for _ in range(4)))
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409]


async def test_numbers_stay_unique_when_many_register_at_once(registry: Registry) -> None:
    answers = await asyncio.gather(*(registry.volunteer(sequence) for sequence in range(1, 21)))
    assert sorted(answer["number"] for answer in answers) == [f"620201001004-{n:06d}" for n in range(1, 21)]


async def test_an_idempotency_key_registers_once(registry: Registry) -> None:
    headers = {"idempotency-key": "a-key-of-the-clerk"}
    answers = [await registry.clerk.post("/v1/volunteers", json=registry.person(1), headers=headers) for _ in (1, 2)]
    assert answers[0].json() == answers[1].json()
    assert await registry.running.value("SELECT count(*) FROM events WHERE stream LIKE 'volunteer-%'") == 1


async def test_wrong_details_are_refused_with_a_reason(registry: Registry) -> None:
    wrong = id_number(1)[:-1] + ("0" if id_number(1)[-1] != "0" else "1")
    told = await registry.refused(
        registry.clerk.post("/v1/volunteers", json=registry.person(id_number=wrong)), 422, "detail_not_valid"
    )
    assert "校验" in told["detail"]
    assert wrong not in str(told)
    for field, value in (("name", "张3"), ("phone", "12345")):
        await registry.refused(
            registry.clerk.post("/v1/volunteers", json=registry.person(**{field: value})), 422, "detail_not_valid"
        )
    for change, code in (
        ({"consent": False}, "consent_missing"),
        ({"community": "620201001999"}, "outside_your_node"),
        ({"registered_on": "2026-03-22"}, "dated_in_future"),
        ({"registered_on": "2026-03-01"}, "dated_too_far_back"),
    ):
        status = 403 if code == "outside_your_node" else 422
        await registry.refused(registry.clerk.post("/v1/volunteers", json=registry.person(**change)), status, code)
    district = registry.client("district", DISTRICT)
    await registry.refused(
        district.post("/v1/volunteers", json=registry.person(community="620201001999")), 422, "community_unknown"
    )
    assert await registry.running.value("SELECT count(*) FROM vault_keys") == 0


async def test_the_young_need_their_guardian(registry: Registry) -> None:
    async def register(born: date, status: int, code: str | None = None, **body: object) -> None:
        call = registry.clerk.post("/v1/volunteers", json=registry.person(**{"id_number": id_number(5, born), **body}))
        if code is None:
            await registry.ok(call, status)
        else:
            await registry.refused(call, status, code)

    await register(date(2010, 1, 1), 422, "guardian_consent_missing", lives_on_own_labour=False)
    await register(date(2010, 1, 1), 201, lives_on_own_labour=True)
    await register(date(2011, 1, 1), 422, "guardian_consent_missing", lives_on_own_labour=True)
    await register(date(2011, 1, 1), 201, guardian_consent="given")
    await register(date(2015, 1, 1), 422, "guardian_separate_consent_missing", guardian_consent="given")
    await register(date(2015, 1, 1), 201, guardian_consent="separate")


async def test_identities_are_masked_until_revealed(registry: Registry) -> None:
    anna = await registry.volunteer(1, name="欧阳样例", political_status="party_member", work_unit="样例单位")
    assert anna["party_member"] is True
    path = f"/v1/volunteers/{anna['id']}/identity"
    masked = await registry.ok(registry.clerk.get(path))
    assert (masked["name"], masked["phone"], masked["work_unit"]) == ("欧**例", "139****0001", None)
    assert masked["id_number"] == f"6202**********{id_number(1)[-4:]}"
    opened = await registry.ok(registry.clerk.get(path, params={"reveal": True}))
    assert (opened["name"], opened["id_number"]) == ("欧阳样例", id_number(1))
    shown = await registry.ok(registry.clerk.get(f"/v1/volunteers/{anna['id']}"))
    assert "欧阳" not in str(shown)


async def test_volunteers_see_themselves_and_nobody_else(registry: Registry) -> None:
    anna, bo = await registry.volunteer(1), await registry.volunteer(2)
    me = registry.client("volunteer", subject=anna["id"])
    listed = await registry.ok(me.get("/v1/volunteers"))
    assert [item["id"] for item in listed["items"]] == [anna["id"]]
    await registry.ok(me.get(f"/v1/volunteers/{anna['id']}/identity", params={"reveal": True}))
    for path in ("", "/identity", "/attendances", "/hours", "/teams", "/sign-ups"):
        await registry.refused(me.get(f"/v1/volunteers/{bo['id']}{path}"), 403, "outside_your_node")
    await registry.refused(me.post("/v1/volunteers/search", json={"name": "样例甲"}), 403, "role_not_allowed")
    stranger = registry.client("volunteer", subject="not-a-uuid")
    await registry.refused(stranger.get("/v1/volunteers"), 403, "outside_your_node")


async def test_volunteers_put_their_own_phone_right_and_leave_who_they_are_to_the_office(registry: Registry) -> None:
    anna, bo = await registry.volunteer(1), await registry.volunteer(2)
    me, path = registry.client("volunteer", subject=anna["id"]), f"/v1/volunteers/{anna['id']}"
    await registry.ok(me.patch(path, json={"phone": "13700000009", "work_unit": None, "skills": ["样例特长"]}))
    shown = await registry.ok(me.get(f"{path}/identity", params={"reveal": True}))
    assert (shown["phone"], shown["skills"]) == ("13700000009", ["样例特长"])
    for change in (
        {"name": "样例丙"},
        {"id_number": id_number(3)},
        {"phone": "13700000008", "party_member": True},
        {"guardian_consent": "separate"},
    ):
        await registry.refused(me.patch(path, json=change), 403, "checked_by_office")
    others = me.patch(f"/v1/volunteers/{bo['id']}", json={"phone": "13700000008"})
    await registry.refused(others, 403, "outside_your_node")


async def test_clerks_find_people_by_exact_name_phone_or_id_number(registry: Registry) -> None:
    anna = await registry.volunteer(1, name="样例甲")
    bo = await registry.volunteer(2, name="样例乙")

    async def found(**criteria: str) -> list[str]:
        page = await registry.ok(registry.clerk.post("/v1/volunteers/search", json=criteria))
        assert all(item["masked"] for item in page["items"])
        return [item["id"] for item in page["items"]]

    assert await found(name="样例甲") == [anna["id"]]
    assert await found(phone="139 0000 0002") == [bo["id"]]
    assert await found(id_number=id_number(1).lower()) == [anna["id"]]
    assert await found(name="样例") == []
    foreign = registry.client("community", FOREIGN)
    assert (await foreign.post("/v1/volunteers/search", json={"name": "样例甲"})).json()["items"] == []
    await registry.refused(
        registry.clerk.post("/v1/volunteers/search", json={"name": "甲", "phone": "139"}), 422, "validation_failed"
    )


async def test_changed_details_are_found_under_the_new_ones_only(registry: Registry) -> None:
    anna = await registry.volunteer(1)
    bo = await registry.volunteer(2)
    path = f"/v1/volunteers/{anna['id']}"
    await registry.ok(registry.clerk.patch(path, json={"phone": "13700000009", "political_status": "party_member"}))
    assert (await registry.ok(registry.clerk.get(path)))["party_member"] is True

    async def found(**criteria: str) -> list[str]:
        page = await registry.ok(registry.clerk.post("/v1/volunteers/search", json=criteria))
        return [item["id"] for item in page["items"]]

    assert await found(phone="13900000001") == []
    assert await found(phone="13700000009") == [anna["id"]]
    await registry.refused(
        registry.clerk.patch(path, json={"id_number": id_number(2)}), 409, "volunteer_already_registered"
    )
    await registry.ok(registry.clerk.patch(path, json={"id_number": id_number(3), "phone": None}))
    assert await found(id_number=id_number(3)) == [anna["id"]]
    assert await found(id_number=id_number(1)) == []
    assert await found(phone="13700000009") == []
    before = await registry.running.value("SELECT count(*) FROM events")
    await registry.ok(registry.clerk.patch(path, json={"id_number": id_number(3)}))
    assert await registry.running.value("SELECT count(*) FROM events") == before
    await registry.refused(registry.clerk.patch(path, json={"name": None}), 422, "validation_failed")
    await registry.refused(registry.clerk.patch(path, json={}), 422, "validation_failed")
    stale = await registry.clerk.patch(path, json={"name": "样例丙"}, headers={"if-match": '"1"'})
    assert stale.status_code == 412
    assert bo["number"] == "620201001004-000002"


async def test_an_id_number_put_right_does_not_slip_a_minor_past_the_guardian(registry: Registry) -> None:
    anna = await registry.volunteer(1)
    path = f"/v1/volunteers/{anna['id']}"
    child, youth = id_number(5, date(2015, 1, 1)), id_number(6, date(2010, 1, 1))
    change = registry.clerk.patch
    await registry.refused(change(path, json={"id_number": child}), 422, "guardian_separate_consent_missing")
    await registry.refused(change(path, json={"id_number": youth}), 422, "guardian_consent_missing")
    await registry.ok(change(path, json={"id_number": youth, "lives_on_own_labour": True}))
    # What is on file counts for later changes, too, and only what a rule needs is asked for.
    await registry.ok(change(path, json={"phone": "13700000009"}))
    await registry.refused(change(path, json={"id_number": child}), 422, "guardian_separate_consent_missing")
    await registry.ok(change(path, json={"guardian_consent": "separate"}))
    await registry.ok(change(path, json={"id_number": child}))
    told = "SELECT data->'fields' FROM events WHERE type LIKE '%DetailsChanged%' ORDER BY position"
    assert [row[0] for row in await registry.running.rows(told)] == [
        ["consent", "id_number"],
        ["phone"],
        ["consent"],
        ["id_number"],
    ]


async def test_an_unusable_change_or_search_is_told_what_it_lacks(registry: Registry) -> None:
    anna = await registry.volunteer(1)
    path = f"/v1/volunteers/{anna['id']}"
    for call, told in (
        (registry.clerk.patch(path, json={}), "至少填写一项要修改的内容"),
        (registry.clerk.patch(path, json={"name": None}), "只有电话（phone）和工作单位（work_unit）可以清空"),
        (
            registry.clerk.post("/v1/volunteers/search", json={}),
            "姓名（name）、电话（phone）、证件号（id_number）请只填一项",
        ),
    ):
        answer = await call
        assert (answer.status_code, answer.json()["errors"]) == (422, [{"field": "body", "problem": told}])


async def test_a_forgotten_person_leaves_a_number_and_nothing_else(registry: Registry) -> None:
    anna = await registry.volunteer(1, political_status="party_member")
    team = await registry.team()
    await registry.post(f"/v1/teams/{team['id']}/members", volunteers=[anna["number"]])
    activity = await registry.activity(start=5)
    await registry.post(f"/v1/activities/{activity['id']}/sign-ups", volunteer=anna["number"])
    path = f"/v1/volunteers/{anna['id']}"
    await registry.post(f"{path}/forgetting")
    shown = await registry.ok(registry.clerk.get(path))
    assert (shown["standing"], shown["party_member"], shown["number"]) == ("forgotten", False, anna["number"])
    await registry.refused(registry.clerk.get(f"{path}/identity"), 410, "volunteer_forgotten")
    await registry.refused(registry.clerk.patch(path, json={"name": "样例乙"}), 410, "volunteer_forgotten")
    for table in ("vault_keys", "vault_entries", "identity_digests", "search_digests", "engagements"):
        assert await registry.running.value(f"SELECT count(*) FROM {table}") == 0
    assert (await registry.ok(registry.clerk.get(f"/v1/teams/{team['id']}")))["members_count"] == 0
    assert (await registry.ok(registry.clerk.get(f"/v1/activities/{activity['id']}")))["signed_up_count"] == 0
    await registry.post(f"{path}/forgetting")
    again = await registry.volunteer(1)
    assert again["number"] != anna["number"]


async def test_on_what_consent_somebody_is_in_the_register_can_be_shown(registry: Registry) -> None:
    young = await registry.volunteer(5, id_number=id_number(5, date(2011, 1, 1)), guardian_consent="given")
    me, path = registry.client("volunteer", subject=young["id"]), f"/v1/volunteers/{young['id']}"
    given_at = f"{registry.clock.now:%Y-%m-%dT%H:%M:%SZ}"
    assert (await registry.ok(me.get(f"{path}/identity")))["consent"] is None
    registry.clock.pass_by(hours=1)
    await registry.ok(me.post(f"{path}/consent-withdrawal"))
    assert (await registry.ok(me.get(f"{path}/identity", params={"reveal": True})))["consent"] == {
        "given_at": given_at,
        "guardian": "given",
        "lives_on_own_labour": False,
        "withdrawn_at": f"{registry.clock.now:%Y-%m-%dT%H:%M:%SZ}",
        "renewed_at": None,
    }


async def test_no_service_is_recorded_without_consent(registry: Registry) -> None:
    anna = await registry.volunteer(1)
    me = registry.client("volunteer", subject=anna["id"])
    await registry.ok(me.post(f"/v1/volunteers/{anna['id']}/consent-withdrawal"))
    activity = await registry.activity()
    path = f"/v1/activities/{activity['id']}/check-ins"
    body = {"volunteers": [anna["id"]], "checked_in_at": registry.at(-2)}
    await registry.refused(registry.clerk.post(path, json=body), 409, "volunteer_consent_withdrawn")
    await registry.ok(me.post(f"/v1/volunteers/{anna['id']}/consent"))
    await registry.ok(registry.clerk.post(path, json=body))


async def test_nothing_that_says_who_somebody_is_stands_outside_the_vault(registry: Registry) -> None:
    anna = await registry.volunteer(1, name="独特姓名", work_unit="独特单位")
    await registry.ok(registry.clerk.patch(f"/v1/volunteers/{anna['id']}", json={"name": "独特新名"}))
    await registry.ok(registry.clerk.post("/v1/volunteers/search", json={"name": "独特新名"}))
    tables = await registry.running.rows(
        "SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'alembic_version'"
    )
    for (table,) in tables:
        for (row,) in await registry.running.rows(f'SELECT t::text FROM "{table}" t'):
            for secret in ("独特", "13900000001", id_number(1)):
                assert secret not in row, table


async def test_volunteers_are_listed_by_node_team_and_party_membership(registry: Registry) -> None:
    district = registry.client("district", DISTRICT)
    numbers = [(await registry.volunteer(n, party_member=n % 2 == 0))["number"] for n in range(1, 6)]
    await registry.volunteer(9, client=district, community=FOREIGN)
    team = await registry.team()
    await registry.post(f"/v1/teams/{team['id']}/members", volunteers=numbers[:3])

    async def listed(**params: object) -> list[str]:
        found: list[str] = []
        cursor = None
        while True:
            page = await registry.ok(
                district.get("/v1/volunteers", params={**params, "limit": 2, **({"cursor": cursor} if cursor else {})})
            )
            found += [item["number"] for item in page["items"]]
            if (cursor := page["next_cursor"]) is None:
                return found

    assert await listed() == [*numbers, "620201001005-000001"]
    assert await listed(node="620201001004") == numbers
    assert await listed(party_member=True) == [numbers[1], numbers[3]]
    assert await listed(team_id=team["id"]) == numbers[:3]
    assert await listed(number=numbers[4]) == [numbers[4]]
    assert await listed(standing="forgotten") == []
    await registry.refused(registry.clerk.get("/v1/volunteers", params={"node": FOREIGN}), 403, "outside_your_node")
