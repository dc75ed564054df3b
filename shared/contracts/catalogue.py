"""The catalogue of event types: their committed JSON Schemas, what was released, and whether classes keep to it.

``python -m shared.contracts.catalogue write`` brings every generated document up to date, ``check`` says what is not,
``release 0.1.0`` freezes today's schemas: from then on each of them may only change as compatibility.py allows.
"""

import json
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any

import typer

from shared.contracts import asyncapi, guide
from shared.contracts.compatibility import Incompatibility, compare
from shared.contracts.event import Event
from shared.contracts.examples import golden
from shared.contracts.schema import FOLDER, as_json, chinese_title, path_of, published_types, schema_of

DOCS = FOLDER.parent.parent / "docs"

Schemas = Mapping[str, Mapping[str, Any]]
"""Schemas by wire type."""


@dataclass(frozen=True)
class Catalogue:
    """Event types, and the folder with their ``schemas/`` and ``golden/``."""

    types: Mapping[str, type[Event]]
    folder: Path = FOLDER

    @cached_property
    def schemas(self) -> dict[str, dict[str, Any]]:
        """Today's schemas."""
        return {name: schema_of(event_type) for name, event_type in self.types.items()}

    @cached_property
    def releases(self) -> dict[str, Schemas]:
        """What each release added or changed, the oldest first (schemas/released/<release>.json)."""
        paths = sorted((self.folder / "schemas" / "released").glob("*.json"), key=lambda path: _order(path.stem))
        return {path.stem: json.loads(path.read_text("utf-8")) for path in paths}

    def files(self) -> dict[Path, str]:
        """Every file that follows from the classes. Golden files of released types do not: they stay as they were."""
        released = {name for release in self.releases.values() for name in release}
        files = {}
        for name, event_type in self.types.items():
            files[self.folder / "schemas" / path_of(event_type)] = as_json(self.schemas[name])
            if name not in released:
                files[self.folder / "golden" / path_of(event_type)] = as_json(golden(event_type))
        return files

    def strays(self) -> list[Path]:
        """Committed files of event types that are gone and were never released."""
        known = {path_of(event_type) for event_type in self.types.values()}
        known |= {_path(name) for release in self.releases.values() for name in release}
        return [
            path
            for part in ("schemas", "golden")
            for path in sorted((self.folder / part).glob("*/*.json"))
            if path.parent.name != "released" and f"{path.parent.name}/{path.name}" not in known
        ]

    def incompatibilities(self) -> list[tuple[str, str, Incompatibility]]:
        """Release, wire type and what broke since, over every schema that was ever released."""
        found = []
        for release, schemas in self.releases.items():
            for name, before in schemas.items():
                after = self.schemas.get(name)
                breaks = [Incompatibility("event_type_removed", "")] if after is None else compare(before, after)
                found += [(release, name, broken) for broken in breaks]
        return found

    def unlinked(self) -> list[type[Event]]:
        """Event classes whose `upcast` does not fit: a superseded version without one, or a newest version with one."""
        return [
            event_type
            for event_type in self.types.values()
            if self._superseded(event_type) == (event_type.upcast is Event.upcast)
        ]

    def _superseded(self, event_type: type[Event]) -> bool:
        return any(
            (other.CONTEXT, other.NAME) == (event_type.CONTEXT, event_type.NAME) and other.VERSION > event_type.VERSION
            for other in self.types.values()
        )

    def changed_since_release(self) -> dict[str, dict[str, Any]]:
        """Today's schemas that are new or differ from the latest released ones."""
        latest: dict[str, Any] = {}
        for release in self.releases.values():
            latest |= release
        return {name: schema for name, schema in self.schemas.items() if latest.get(name) != schema}

    def release(self, name: str) -> Path | None:
        """Freeze what is new; None where nothing is. Raises `ValueError` for a name that is not the next release."""
        if not re.fullmatch(r"\d+\.\d+\.\d+", name):
            raise ValueError(f"版本号应形如 0.1.0 a release is called like 0.1.0, not {name}")
        if self.releases and _order(name) <= max(map(_order, self.releases)):
            raise ValueError(f"{name} 不晚于已发布版本 is not later than what was released: {', '.join(self.releases)}")
        changed = self.changed_since_release()
        if not changed:
            return None
        path = self.folder / "schemas" / "released" / f"{name}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(as_json(changed), "utf-8")
        return path


def documents(catalogue: Catalogue) -> dict[Path, str]:
    """The documents for subscribers that follow from the catalogue."""
    handbook = DOCS / "events.md"
    return {
        DOCS / "api" / "asyncapi.json": as_json(asyncapi.document(catalogue.types)),
        handbook: guide.with_generated_parts(handbook.read_text("utf-8"), catalogue.types),
    }


def write(catalogue: Catalogue, others: Mapping[Path, str]) -> list[Path]:
    """Bring the catalogue's files and `others` up to date; returns those that changed or went away."""
    changed = []
    for path, text in {**catalogue.files(), **others}.items():
        if _text(path) != text:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, "utf-8")
            changed.append(path)
    for path in catalogue.strays():
        path.unlink()
        changed.append(path)
    return changed


def problems(catalogue: Catalogue, others: Mapping[Path, str]) -> list[str]:
    """What is wrong, each a sentence that says what to do; empty where all is well."""
    sentences = [
        f"{_shown(path)} 与事件类不一致：运行 `make contracts` 并提交结果。"
        f" It differs from the event classes: run `make contracts` and commit the result."
        for path, text in {**catalogue.files(), **others}.items()
        if _text(path) != text
    ]
    sentences += [
        f"{_shown(path)} 的事件类已不存在：运行 `make contracts` 并提交结果。"
        f" Its event class is gone: run `make contracts` and commit the result."
        for path in catalogue.strays()
    ]
    sentences += [
        f"{name} 与已发布的 {release} 不兼容：{broken}。保留这个版本，另建下一版本的事件类并为旧版本写 upcast。"
        f" It is not compatible with release {release}: keep this version as it was, add a class with the next version,"
        f" and give the old one an `upcast`."
        for release, name, broken in catalogue.incompatibilities()
    ]
    sentences += [
        f"{event_type.__name__}：旧版本必须有 upcast，最新版本不得有。"
        f" A superseded version needs an `upcast` to the next one; the newest version has none."
        for event_type in catalogue.unlinked()
    ]
    sentences += [
        f"{event_type.__name__} 没有中文名：写入 shared/contracts/titles_zh.json，再运行 `make contracts`。"
        f" It has no Chinese title: add one to shared/contracts/titles_zh.json, then run `make contracts`."
        for event_type in catalogue.types.values()
        if chinese_title(event_type) is None
    ]
    return sentences


def _order(release: str) -> tuple[int, ...]:
    return tuple(int(part) for part in release.split("."))


def _path(name: str) -> str:
    _, context, event, version = name.split(".")
    return f"{context}/{event}.{version}.json"


def _text(path: Path) -> str | None:
    return path.read_text("utf-8") if path.exists() else None


def _shown(path: Path) -> str:
    root = DOCS.parent
    return str(path.relative_to(root)) if path.is_relative_to(root) else path.name


app = typer.Typer(no_args_is_help=True, add_completion=False, help="事件目录 The catalogue of event types.")


@app.command(name="write")
def _write() -> None:
    """更新生成的文件 Bring schemas, golden files and documents up to date."""
    catalogue = Catalogue(published_types())
    changed = write(catalogue, documents(catalogue))
    for path in changed:
        typer.echo(f"  {_shown(path)}")
    typer.echo(f"已更新 {len(changed)} 个文件 files updated")
    broken = problems(catalogue, documents(catalogue))
    for sentence in broken:
        typer.echo(sentence, err=True)
    sys.exit(1 if broken else 0)


@app.command(name="check")
def _check() -> None:
    """检查 Say what is out of date or breaks a released contract."""
    catalogue = Catalogue(published_types())
    broken = problems(catalogue, documents(catalogue))
    for sentence in broken:
        typer.echo(sentence, err=True)
    if broken:
        sys.exit(1)
    typer.echo(
        f"事件契约一致 contracts: {len(catalogue.types)} 种事件 event types, "
        f"已发布 released: {', '.join(catalogue.releases) or '—'}"
    )


@app.command(name="release")
def _release(name: Annotated[str, typer.Argument(help="版本号 e.g. 0.1.0")]) -> None:
    """冻结今天的契约 Freeze today's schemas; later changes are held against them."""
    catalogue = Catalogue(published_types())
    broken = problems(catalogue, documents(catalogue))
    if broken:
        sys.exit("\n".join(broken))
    try:
        path = catalogue.release(name)
    except ValueError as error:
        sys.exit(str(error))
    typer.echo(f"已冻结 frozen: {_shown(path)}" if path else "没有变化 nothing has changed since the last release")


if __name__ == "__main__":
    app()
