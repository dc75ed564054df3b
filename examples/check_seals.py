"""核对账本封存：链是否完整，账本副本是否与封存一致。Checks seals of the ledger: the chain, and a copy of the lines.

    python check_seals.py SEALS.json LINES.txt …

SEALS.json：一个社区的全部封存，来自主题 liuling.points.v1 的 LedgerSealed 或 GET /v1/seals?community=…，为 JSON 数组。
LINES.txt：某日的行，文件名为 2026-03-05.txt，来自自己的副本或 GET /v1/seals/{community}/{day}/lines。
SEALS.json holds all seals of one community as an array, from the topic or from the API. A LINES.txt is named after its
day; its lines come from one's own copy of the ledger, or from the API.
"""

import hashlib
import json
import sys
from pathlib import Path


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def seal_text(seal: dict) -> str:
    """What a seal says, as the text that is hashed."""
    sums = ",".join(f"{entry['unit']}={entry['gained']}/{entry['given']}" for entry in seal["sums"])
    names = ("format_version", "community", "sequence", "day", "revision", "lines")
    return "|".join([*(str(seal[name]) for name in names), sums, seal["lines_sha256"], seal["previous_sha256"]])


def faults_of_chain(seals: list[dict]) -> list[str]:
    """What is wrong with a community's seals; nothing when they are one whole chain."""
    if len(communities := {seal["community"] for seal in seals}) > 1:
        return [f"每个社区一条链，请分开核对 a chain for each community, check one at a time: {sorted(communities)}"]
    faults, head = [], "0" * 64
    for number, seal in enumerate(sorted(seals, key=lambda seal: seal["sequence"]), start=1):
        if seal["sequence"] != number:
            return [*faults, f"{number}: 缺少封存 a seal is missing"]
        if seal["previous_sha256"] != head:
            faults.append(f"{number}: 与前一封存不相接 does not follow from the seal before")
        if sha256(seal_text(seal)) != seal["seal_sha256"]:
            faults.append(f"{number}: 内容与哈希不符 does not say what was hashed")
        head = seal["seal_sha256"]
    return faults


def faults_of_day(seals: list[dict], day: str, lines: list[str]) -> list[str]:
    """What is wrong with a copy of a day's lines, held against the latest revision of its seal."""
    revisions = [seal for seal in seals if seal["day"] == day]
    if not revisions:
        return [f"{day}: 没有封存 not sealed"] if lines else []
    seal = max(revisions, key=lambda seal: seal["revision"])
    # 按字节排序 in byte order: the lines are ASCII, so Python's order of strings is the same
    if sha256("".join(f"{line}\n" for line in sorted(lines))) != seal["lines_sha256"]:
        return [f"{day}: {len(lines)} 行，封存为 {seal['lines']} 行，不一致 lines that are not those that were sealed"]
    return []


def main(seals_path: str = "", *lines_paths: str) -> int:
    if not seals_path:
        print(__doc__)
        return 2
    seals = json.loads(Path(seals_path).read_text(encoding="utf-8"))
    # 一份空的副本什么也证明不了 an empty copy proves nothing
    faults = faults_of_chain(seals) if seals else ["没有封存可核对 there are no seals to check"]
    for path in map(Path, lines_paths):
        faults += faults_of_day(seals, path.stem, path.read_text(encoding="ascii").splitlines())
    if faults:
        print("\n".join(faults))
        return 1
    last = max(seals, key=lambda seal: seal["sequence"])
    print(f"一致 {len(seals)} 次封存 seals, {len(lines_paths)} 天的行 days of lines")
    # 后面少了什么，副本自己看不出来：与主题或接口上最新的封存比较
    end = f"{last['sequence']} {last['day']} {last['seal_sha256']}"
    print(f"链尾，请与最新封存比较 the last, to be compared with the latest: {end}")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
