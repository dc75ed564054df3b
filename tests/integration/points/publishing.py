"""Publishing as it is done: a dry run first, and then with its receipt."""

from typing import Any


async def tried(client: Any, body: dict[str, Any]) -> dict[str, Any]:
    """What is to be published or ordered, with the receipt of its dry run."""
    restates = "policy_version" in body
    path = "/v1/policy-restatements/dry-run" if restates else "/v1/policies/dry-run"
    asked = {**{key: value for key, value in body.items() if key != "reference"}, **({} if restates else {"months": 1})}
    answer = await client.post(path, json=asked)
    assert answer.status_code == 200, answer.text
    return {**body, "receipt": answer.json()["receipt"]}


async def publish(client: Any, node: str, in_force_from: str, document: dict[str, Any]) -> int:
    """Try a policy and publish it. Returns its version."""
    body = {"node": node, "in_force_from": in_force_from, "document": document}
    answer = await client.post("/v1/policies", json=await tried(client, body))
    assert answer.status_code == 201, answer.text
    version: int = answer.json()["policy_version"]
    return version


async def restate(client: Any, order: dict[str, Any]) -> dict[str, Any]:
    """Try a restatement and order it."""
    answer = await client.post("/v1/policy-restatements", json=await tried(client, order))
    assert answer.status_code == 201, answer.text
    ordered: dict[str, Any] = answer.json()
    return ordered
