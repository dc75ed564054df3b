"""Rosters and sign-in sheets as communities keep them, over HTTP and a real database."""

import asyncio
import io
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import xlsxwriter

from services.registry.importing.roster import read_roster
from services.registry.volunteers import registration
from shared.eventstore import writing
from tests.conftest import COMMUNITY, DISTRICT, FOREIGN, until
from tests.integration.office import NOW
from tests.integration.registry.conftest import Registry, id_number

HEADER = ("序号", "姓名", "身份证号码", "联系电话", "政治面貌", "工作单位", "所属队伍", "入队时间")
GIVEN = "甲乙丙丁戊己庚辛壬癸"


def workbook(rows: Sequence[Sequence[Any]], *titles: str) -> bytes:
    target = io.BytesIO()
    with xlsxwriter.Workbook(target, {"in_memory": True}) as book:
        sheet = book.add_worksheet("名册")
        for line, row in enumerate([*([title] for title in titles), *rows]):
            for place, value in enumerate(row):
                sheet.write(line, place, value)
    return target.getvalue()


def person(n: int, team: str = "样例环保队", born: Any = None) -> list[Any]:
    name = "样例" + GIVEN[n // 100 % 10] + GIVEN[n // 10 % 10] + GIVEN[n % 10]
    number = id_number(n, born) if born else id_number(n)
    return [n, name, number, f"139{n:08d}", "中共党员" if n % 4 else "群众", "样例单位", team, "2015年4月1日"]


def roster(rows: Sequence[Sequence[Any]]) -> bytes:
    return workbook([HEADER, *rows], "样例社区志愿者花名册（合成数据）")


async def bring(registry: Registry, content: bytes, **data: Any) -> Any:
    return await registry.ok(
        registry.clerk.post(
            "/v1/imports/roster",
            files={"file": ("roster.xlsx", content)},
            data={"community": COMMUNITY, "consent_on_file": "true", **data},
        ),
        201,
    )


async def test_a_roster_goes_in_once_and_again_changes_nothing(registry: Registry) -> None:
    content = roster([person(n, ("样例环保队", "样例巾帼队、样例文体队")[n % 2]) for n in range(1, 41)])
    first = await bring(registry, content)
    assert first["counts"] == {
        "rows": 40,
        "skipped": 0,
        "registered": 40,
        "already_registered": 0,
        "registered_elsewhere": 0,
        "teams_formed": 3,
        "memberships_added": 60,
    }
    assert first["problems"] == []
    assert first["has_file"] is False
    events = await registry.running.value("SELECT count(*) FROM events")
    again = await bring(registry, content)
    assert (again["counts"]["registered"], again["counts"]["already_registered"]) == (0, 40)
    assert (again["counts"]["teams_formed"], again["counts"]["memberships_added"]) == (0, 0)
    assert await registry.running.value("SELECT count(*) FROM events") == events
    volunteers = await registry.ok(registry.clerk.get("/v1/volunteers", params={"party_member": True, "limit": 100}))
    assert len(volunteers["items"]) == 30
    teams = {t["name"]: t for t in (await registry.ok(registry.clerk.get("/v1/teams")))["items"]}
    assert teams["样例巾帼队"]["kind"] == "women"
    assert teams["样例巾帼队"]["members_count"] == 20


async def test_good_rows_go_in_and_bad_ones_come_back_in_a_file(registry: Registry) -> None:
    rows = [person(n) for n in range(1, 6)]
    rows[1][2] = rows[1][2][:-1] + ("1" if rows[1][2][-1] != "1" else "2")
    rows[3][1] = ""
    result = await bring(registry, roster(rows))
    assert result["counts"]["registered"] == 3
    assert [(p["row"], p["code"]) for p in result["problems"]] == [(4, "id_number_checksum"), (6, "name_missing")]
    assert result["has_file"] is True
    path = f"/v1/imports/{result['id']}"
    kept = await registry.ok(registry.clerk.get(path))
    assert kept["problems"] == result["problems"]
    answer = await registry.clerk.get(f"{path}/file")
    assert answer.headers["content-type"].startswith("application/vnd.openxmlformats")
    _, handed_back = read_roster(answer.content, NOW.date())
    assert len(handed_back.bad_rows) == 2
    foreign = registry.client("community", FOREIGN)
    for client in (foreign, registry.client("district", DISTRICT)):
        await registry.refused(client.get(path), 403, "outside_your_node")
        await registry.refused(client.get(f"{path}/file"), 403, "outside_your_node")
    listed = await registry.ok(registry.clerk.get("/v1/imports"))
    assert [item["id"] for item in listed["items"]] == [result["id"]]
    assert (await registry.ok(foreign.get("/v1/imports")))["items"] == []
    registry.clock.pass_by(hours=73)
    service = registry.running.service
    assert await service.timers.fire_due(service.workshop, registry.clock) == 1
    await registry.refused(registry.clerk.get(f"{path}/file"), 404, "not_found")
    assert await registry.running.value("SELECT count(*) FROM vault_keys WHERE subject = :id", id=result["id"]) == 0


async def test_the_same_person_in_two_files_is_found_not_doubled(registry: Registry) -> None:
    await bring(registry, roster([person(1), person(2)]))
    result = await bring(registry, roster([person(2, "样例义诊队"), person(3)]))
    assert (result["counts"]["registered"], result["counts"]["already_registered"]) == (1, 1)
    assert result["counts"]["memberships_added"] == 2
    assert await registry.running.value("SELECT count(*) FROM volunteers") == 3
    district = registry.client("district", DISTRICT)
    elsewhere = await registry.ok(
        district.post(
            "/v1/imports/roster",
            files={"file": ("r.xlsx", roster([person(1)]))},
            data={"community": FOREIGN, "consent_on_file": "true"},
        ),
        201,
    )
    assert elsewhere["counts"]["registered_elsewhere"] == 1
    moved = {"community": FOREIGN, "name": person(1)[1], "id_number": person(1)[2]}
    await registry.ok(district.post("/v1/volunteer-moves", json=moved), 201)
    again = await bring(registry, roster([person(1)]))
    assert again["counts"]["registered_elsewhere"] == 1  # the number still begins with this community's code


async def test_two_imports_of_the_same_people_at_once_register_each_once(registry: Registry) -> None:
    content = [roster([person(n) for n in order]) for order in (range(1, 31), range(30, 0, -1))]
    results = await asyncio.gather(*(bring(registry, item) for item in content))
    assert sum(result["counts"]["registered"] for result in results) == 30
    assert sum(result["counts"]["teams_formed"] for result in results) == 1
    assert await registry.running.value("SELECT count(DISTINCT number) FROM volunteers") == 30


async def test_rows_with_unknown_teams_are_refused_when_no_teams_are_to_be_formed(registry: Registry) -> None:
    await registry.team("样例环保队", kind="environment")
    result = await bring(registry, roster([person(1), person(2, "没有的队")]), form_teams="false")
    assert result["counts"]["registered"] == 1
    assert [(p["row"], p["code"]) for p in result["problems"]] == [(4, "roster_team_unknown")]


async def test_team_leaders_find_their_sign_in_sheets_and_no_roster(registry: Registry) -> None:
    listed = await bring(registry, roster([person(1), [2, "样例", "1", "2", "", "", "", ""]]))
    activity = await registry.activity(-27, 2)
    leader = registry.client("team_leader")
    sheet = workbook([SHEET, ["", id_number(1), "", "", "", "1小时"], ["", id_number(9), "", "", "", "1小时"]])
    path = f"/v1/activities/{activity['id']}/sign-in-sheet"
    signed = await registry.ok(leader.post(path, files={"file": ("s.xlsx", sheet)}), 201)
    found = (await registry.ok(leader.get("/v1/imports")))["items"]
    assert [(one["id"], one["activity_id"]) for one in found] == [(signed["id"], activity["id"])]
    assert (await leader.get(f"/v1/imports/{signed['id']}/file")).status_code == 200
    for suffix in ("", "/file"):
        await registry.refused(leader.get(f"/v1/imports/{listed['id']}{suffix}"), 403, "role_not_allowed")
    page = await registry.ok(registry.clerk.get("/v1/imports"))
    assert [one["id"] for one in page["items"]] == [signed["id"], listed["id"]]
    of_activity = await registry.ok(registry.clerk.get("/v1/imports", params={"activity_id": activity["id"]}))
    assert [one["id"] for one in of_activity["items"]] == [signed["id"]]


async def test_people_without_consent_are_not_taken(registry: Registry) -> None:
    for said in ({"consent_on_file": "false"}, {}):
        call = registry.clerk.post(
            "/v1/imports/roster",
            files={"file": ("r.xlsx", roster([person(1)]))},
            data={"community": COMMUNITY, **said},
        )
        await registry.refused(call, 422, "consent_missing")
    await bring(registry, roster([person(1)]))
    (volunteer,) = (await registry.ok(registry.clerk.get("/v1/volunteers")))["items"]
    await registry.post(f"/v1/volunteers/{volunteer['id']}/consent-withdrawal")
    result = await bring(registry, roster([person(1)]))
    assert [p["code"] for p in result["problems"]] == ["volunteer_consent_withdrawn"]


async def test_files_that_are_no_list_are_refused_whole(registry: Registry) -> None:
    async def refused(content: bytes, code: str, community: str = COMMUNITY, status: int = 422) -> None:
        call = registry.clerk.post(
            "/v1/imports/roster",
            files={"file": ("r.xlsx", content)},
            data={"community": community, "consent_on_file": "true"},
        )
        await registry.refused(call, status, code)

    await refused(b"", "sheet_empty")
    await refused(b"%PDF-1.7", "sheet_not_a_spreadsheet")
    await refused(workbook([["姓名", "联系电话"], ["样例甲", ""]]), "sheet_columns_missing")
    await refused(roster([person(1)]), "outside_your_node", FOREIGN, 403)


async def test_whoever_withdraws_consent_during_an_import_is_not_put_into_a_team(registry: Registry) -> None:
    anna = await registry.volunteer(1)
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    service = registry.running.service
    async with writing(service.database) as connection:
        work = service.workshop.on(connection)
        await registration.withdraw_consent(work, UUID(anna["id"]))
        await work.finish()
        importing = asyncio.create_task(bring(registry, roster([person(1), person(2)])))
        await until(lambda: registry.running.value(waiting))
    result = await importing
    assert [problem["code"] for problem in result["problems"]] == ["volunteer_consent_withdrawn"]
    assert (result["counts"]["registered"], result["counts"]["memberships_added"]) == (1, 1)


async def test_a_whole_community_is_imported_in_seconds(registry: Registry) -> None:
    loop = asyncio.get_running_loop()
    content = roster([person(n, f"样例第{n % 25}队") for n in range(1, 941)])
    started = loop.time()
    result = await bring(registry, content)
    took = loop.time() - started
    assert (result["counts"]["registered"], result["counts"]["teams_formed"]) == (940, 25)
    assert took < 10, took
    print(f"940 rows in {took:.2f} s")


SHEET = ("姓名", "身份证号", "志愿者编号", "签到时间", "签退时间", "服务时长")


async def test_a_sign_in_sheet_goes_in_as_backfilled_evidence(registry: Registry) -> None:
    anna, bo, cleo, dora = [await registry.volunteer(n) for n in (1, 2, 3, 4)]
    activity = await registry.activity(-27, 2)  # 17:00 to 19:00 in Shanghai, the day before
    elsewhere = await registry.activity(-27.5, 2)
    path = f"/v1/activities/{activity['id']}"
    await registry.post(
        f"{path}/attendances",
        entries=[{"volunteer": cleo["id"], "checked_in_at": registry.at(-27), "checked_out_at": registry.at(-26)}],
    )
    await registry.post(
        f"/v1/activities/{elsewhere['id']}/attendances", entries=[{"volunteer": dora["id"], "minutes": 60}]
    )
    content = workbook(
        [
            SHEET,
            ["样例甲", id_number(1), "", "17:00", "18:30", ""],
            ["", "", bo["number"], "", "", "1小时"],
            ["", id_number(3), "", "", "", "2小时"],
            ["", "", dora["number"], "17:00", "18:00", ""],
            ["样例乙", id_number(1)[:-1] + "X" if id_number(1)[-1] != "X" else "0", "", "", "", "1小时"],
            ["", id_number(9), "", "", "", "1小时"],
            ["", id_number(1), bo["number"], "", "", "1小时"],
        ],
        "样例活动签到表",
    )

    async def bring_sheet(data: bytes) -> Any:
        return await registry.ok(registry.clerk.post(f"{path}/sign-in-sheet", files={"file": ("s.xlsx", data)}), 201)

    result = await bring_sheet(content)
    assert (result["counts"]["recorded"], result["counts"]["already_recorded"]) == (2, 1)
    assert {p["row"]: p["code"] for p in result["problems"]} == {
        6: "already_serving",
        7: "id_number_checksum",
        8: "identity_unknown",
        9: "signed_twice",
    }
    [serving] = [p for p in result["problems"] if p["row"] == 6]
    assert dora["number"] in serving["zh"]
    assert dora["number"] in serving["en"]
    people = await registry.ok(registry.clerk.get(f"{path}/participants"))
    minutes = {item["volunteer_id"]: (item["minutes"], item["evidence"]) for item in people["items"]}
    assert minutes == {anna["id"]: (90, "backfilled"), bo["id"]: (60, "backfilled"), cleo["id"]: (60, "scanned")}
    events = await registry.running.value("SELECT count(*) FROM events")
    again = await bring_sheet(content)
    assert (again["counts"]["recorded"], again["counts"]["already_recorded"]) == (0, 3)
    assert await registry.running.value("SELECT count(*) FROM events") == events
    await registry.post(f"{path}/completion")
    assert (await bring_sheet(content))["counts"]["already_recorded"] == 3
    call = registry.clerk.post(
        f"{path}/sign-in-sheet",
        files={
            "file": ("s.xlsx", workbook([SHEET, ["", "", (await registry.volunteer(5))["number"], "", "", "1小时"]]))
        },
    )
    await registry.refused(call, 409, "activity_completed")
    named = workbook([SHEET, ["别的名字", id_number(5), "", "", "", "1小时"]])
    assert [p["code"] for p in (await bring_sheet(named))["problems"]] == ["name_differs"]
