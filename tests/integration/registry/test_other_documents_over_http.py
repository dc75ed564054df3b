"""People without a mainland identity card: registered, found again, renewed, and in lists, over HTTP."""

from typing import Any

from tests.conftest import COMMUNITY
from tests.integration.registry.conftest import Registry, id_number


def bearer(number: str, kind: str, born_on: str | None = "1990-12-31", **body: Any) -> dict[str, Any]:
    return {"id_number": number, "id_kind": kind, "born_on": born_on, **body}


async def found(registry: Registry, **criteria: str) -> list[str]:
    page = await registry.ok(registry.clerk.post("/v1/volunteers/search", json=criteria))
    return [item["id"] for item in page["items"]]


async def test_a_person_with_a_travel_permit_is_registered_once_and_found_again(registry: Registry) -> None:
    anna = await registry.volunteer(1, **bearer("H1234567800", "hk_macao_permit"))
    renewed = registry.clerk.post(
        "/v1/volunteers", json=registry.person(2, **bearer("h12345678", "hk_macao_permit", "1990-12-30"))
    )
    told = await registry.refused(renewed, 409, "volunteer_already_registered")
    assert anna["number"] in told["detail"]
    bo = await registry.volunteer(3, **bearer("H12345678", "passport"))
    assert await found(registry, id_number="H12345678", id_kind="hk_macao_permit") == [anna["id"]]
    assert await found(registry, id_number="H12345678") == [anna["id"], bo["id"]]
    path = f"/v1/volunteers/{anna['id']}/identity"
    masked = await registry.get(path)
    assert (masked["id_kind"], masked["id_number"], masked["born_on"]) == ("hk_macao_permit", "H1*****78", None)
    opened = await registry.get(path, reveal=True)
    assert (opened["id_number"], opened["born_on"]) == ("H12345678", "1990-12-31")
    registered = await registry.events("VolunteerRegistered")
    assert [one["age_group_from"] for one in registered] == [35, 35]


async def test_what_a_document_lacks_is_told(registry: Registry) -> None:
    async def refused(words: str, **body: Any) -> None:
        told = await registry.refused(
            registry.clerk.post("/v1/volunteers", json=registry.person(1, **body)), 422, "detail_not_valid"
        )
        assert words in told["detail"]
        assert body["id_number"] not in told["detail"]

    await refused("写明证件类型", id_number="E12345678")
    await refused("填写出生日期", **bearer("E12345678", "passport", None))
    await refused("H或M加8位数字", **bearer("E12345678", "hk_macao_permit"))
    await refused("8位数字", **bearer("H12345678", "taiwan_permit"))
    await refused("9开头的18位", **bearer("KAZ11009012310", "permanent_resident"))
    await refused("不一致", **bearer(id_number(1), "resident_id", "1990-12-31"))
    child = registry.person(1, **bearer("E12345678", "passport", "2015-01-01"))
    await registry.refused(registry.clerk.post("/v1/volunteers", json=child), 422, "guardian_separate_consent_missing")


async def test_a_renewed_passport_keeps_the_birth_date_and_another_document_tells_its_own(registry: Registry) -> None:
    anna = await registry.volunteer(1, **bearer("E12345678", "passport"))
    path = f"/v1/volunteers/{anna['id']}"
    await registry.ok(registry.clerk.patch(path, json={"id_number": "E87654321", "id_kind": "passport"}))
    assert await found(registry, id_number="E12345678") == []
    assert await found(registry, id_number="E87654321") == [anna["id"]]
    shown = await registry.get(f"{path}/identity", reveal=True)
    assert (shown["id_number"], shown["born_on"]) == ("E87654321", "1990-12-31")
    await registry.ok(registry.clerk.patch(path, json={"born_on": "1980-12-31"}))
    assert (await registry.events("VolunteerAgeGroupChanged"))[-1]["age_group_from"] == 45
    await registry.ok(registry.clerk.patch(path, json={"id_number": id_number(7)}))
    shown = await registry.get(f"{path}/identity", reveal=True)
    assert (shown["id_kind"], shown["born_on"]) == ("resident_id", "1985-06-14")
    told = await registry.events("VolunteerDetailsChanged")
    assert [one["fields"] for one in told] == [["id_number"], ["id_number"], ["id_number"]]
    own = registry.client("volunteer", subject=anna["id"])
    gone = await registry.volunteer(2, **bearer("E11111111", "passport"))
    await registry.post(f"/v1/volunteers/{gone['id']}/forgetting")
    erased = registry.clerk.patch(f"/v1/volunteers/{gone['id']}", json={"born_on": "1970-01-01"})
    await registry.refused(erased, 410, "volunteer_forgotten")
    await registry.refused(own.patch(path, json={"born_on": "1970-01-01"}), 403, "checked_by_office")


async def test_a_roster_and_a_sign_in_sheet_take_other_documents(registry: Registry) -> None:
    rows = [
        "姓名,证件类型,证件号码,出生日期,手机",
        "合成甲,护照,E12345678,1990-12-31,13900000001",
        "合成乙,台湾居民来往大陆通行证,01234567,1990年12月31日,13900000002",
        "合成丙,外国人永久居留身份证,KAZ110090123105,,13900000003",
        "合成丁,,H12345678,1990-12-31,13900000004",
    ]

    async def bring(lines: list[str]) -> Any:
        return await registry.ok(
            registry.clerk.post(
                "/v1/imports/roster",
                files={"file": ("r.csv", "\n".join(lines).encode())},
                data={"community": COMMUNITY, "consent_on_file": "true"},
            ),
            201,
        )

    first = await bring(rows)
    assert first["counts"]["registered"] == 3
    assert [(one["row"], one["code"]) for one in first["problems"]] == [(5, "id_number_length")]
    again = await bring([rows[0], "合成乙,台胞证,0123456701,1990-12-31,13900000002"])
    assert (again["counts"]["registered"], again["counts"]["already_registered"]) == (0, 1)

    activity = await registry.activity(-3, 2)
    await registry.volunteer(9, name="合成己", **bearer("01234567", "passport"))
    sheet = [
        "姓名,证件号码,证件类型,服务时长",
        "合成甲,E12345678,,1小时",
        "合成乙,01234567,,1小时",
        "合成丙,KAZ110090123105,永居证,1小时",
        "合成己,01234567,护照,1小时",
        "合成丁,H12345678,,1小时",
    ]
    taken = await registry.ok(
        registry.clerk.post(
            f"/v1/activities/{activity['id']}/sign-in-sheet", files={"file": ("s.csv", "\n".join(sheet).encode())}
        ),
        201,
    )
    assert [(one["row"], one["code"]) for one in taken["problems"]] == [
        (3, "document_kind_not_named"),
        (6, "identity_unknown"),
    ]
    assert taken["counts"]["recorded"] == 3
