"""Reads a division file: CSV with the columns code, name, level, parent, in any order, UTF-8 or GB 18030."""

import csv
import io
import re

from services.registry.organisation.model import LEVELS, PublishNode, parent_of
from shared.contracts import Refusal
from shared.contracts.registry import NodeLevel

_CODE = re.compile(r"[0-9]{2}([0-9]{2}([0-9]{2}([0-9]{3}([0-9]{3})?)?)?)?")
_COLUMNS = frozenset({"code", "name"})
_NAME_LENGTH_MAX = 100


class DivisionFileUnreadable(Refusal):
    """The file is not a division file at all."""

    code = "division_file_unreadable"
    status = 422


class DivisionRowWrong(Refusal):
    """A row is wrong; nothing of the file is imported."""

    code = "division_row_wrong"
    status = 422


def read_divisions(content: bytes, source: str) -> list[PublishNode]:
    """The divisions of a file, parents before children. Every child has its parent in the file, except the top.

    Raises `DivisionFileUnreadable`, or `DivisionRowWrong` with the row number (1-based, header included).
    """
    rows = csv.DictReader(io.StringIO(_decoded(content), newline=""), strict=True)
    try:
        columns = {(name or "").strip().lower(): name for name in rows.fieldnames or []}
        if not columns.keys() >= _COLUMNS:
            raise DivisionFileUnreadable
        nodes: dict[str, PublishNode] = {}
        for row_number, row in enumerate(rows, start=2):
            node = _node(row_number, {key: (row.get(name) or "").strip() for key, name in columns.items()}, source)
            if node.code in nodes:
                raise DivisionRowWrong(row=row_number, reason_zh="代码重复", reason_en="the code appears twice")
            nodes[node.code] = node
    except csv.Error:
        raise DivisionFileUnreadable from None
    if not nodes:
        raise DivisionFileUnreadable
    shortest = min(len(code) for code in nodes)
    for code, node in nodes.items():
        if len(code) > shortest and node.parent not in nodes:
            raise DivisionRowWrong(
                row=list(nodes).index(code) + 2, reason_zh="上级不在文件里", reason_en="its parent is not in the file"
            )
    return sorted(nodes.values(), key=lambda node: (len(node.code), node.code))


def _decoded(content: bytes) -> str:
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\x00" not in text:
            return text
    raise DivisionFileUnreadable


def _node(row_number: int, row: dict[str, str], source: str) -> PublishNode:
    code, name = row["code"], row["name"]
    if not _CODE.fullmatch(code):
        raise DivisionRowWrong(
            row=row_number,
            reason_zh="代码应为2、4、6、9或12位数字",
            reason_en="the code must have 2, 4, 6, 9 or 12 digits",
        )
    if not name or len(name) > _NAME_LENGTH_MAX or not name.isprintable():
        raise DivisionRowWrong(row=row_number, reason_zh="名称为空或不正确", reason_en="the name is empty or unusable")
    level = LEVELS[len(code)]
    if row.get("level") not in (None, "", level.value):
        raise DivisionRowWrong(
            row=row_number, reason_zh="级别与代码长度不符", reason_en="the level does not fit the code"
        )
    parent = row.get("parent") or None
    if parent is not None and parent != parent_of(code):
        raise DivisionRowWrong(row=row_number, reason_zh="上级与代码不符", reason_en="the parent does not fit the code")
    return PublishNode(code=code, name=name, level=NodeLevel(level), parent=parent, source=source)
