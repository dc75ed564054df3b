"""The commands that every service has: serve · migrate · rebuild · verify · parked · republish · recover."""

import sys
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Annotated, Any, TypeVar

import typer
import uvloop
from aiokafka.errors import (
    ClusterAuthorizationFailedError,
    KafkaConnectionError,
    TopicAuthorizationFailedError,
    UnknownTopicOrPartitionError,
)
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from sqlalchemy.ext.asyncio import AsyncConnection

from shared import parking
from shared.clock import SHANGHAI
from shared.contracts import wire_type
from shared.database import Lost
from shared.deliveries import Unreadable, claim, read
from shared.eventstore import Recorded, writing
from shared.recovery import ServiceRuns, recover
from shared.relay import PublishFailed, republish
from shared.service import Service
from shared.settings import Settings
from shared.topic_access import grant
from shared.topics import ensure_topics
from shared.views import Views, differing_read_tables

S = TypeVar("S", bound=Settings)
Build = Callable[[S], Service]
Command = Callable[[Service], Awaitable[int]]
"""Returns the exit code."""

console = Console(highlight=False)


def run_command(build: Build[S], settings: type[S], command: Command) -> None:
    """Run a command on a service of its own, under the settings of the environment, and end the program."""

    async def main() -> int:
        service = build(settings.from_environment())
        try:
            return await command(service)
        except KafkaConnectionError as error:
            # A name that the broker does not know, or none where it asks for one, ends the connection just so.
            sys.exit(
                "Kafka 联系不上 cannot be reached (KAFKA_BOOTSTRAP_SERVERS; KAFKA_USERNAME, KAFKA_PASSWORD): "
                + str(error)
            )
        except (ClusterAuthorizationFailedError, TopicAuthorizationFailedError):
            sys.exit(
                f"Kafka 不允许 does not let {service.settings.kafka_username} do this (KAFKA_USERNAME): "
                "先以可以授权的名字运行 run first, under a name that may grant rights, `migrate`"
            )
        except UnknownTopicOrPartitionError:
            sys.exit("Kafka 没有这个服务的主题 has no topic of this service: 先运行 run first `migrate`")
        finally:
            await service.close()

    raise typer.Exit(uvloop.run(main()))


def service_cli(
    name: str,
    build: Build[S],
    settings: type[S],
    *,
    rebuild: Callable[..., None] | None = None,
    verify: Command | None = None,
    read_views: Views | None = None,
    recovered: Command | None = None,
) -> typer.Typer:
    """The program of a service. `rebuild`, with options of its own, and `verify` replace the common ones where state
    is more than views; there `recover` makes only `read_views` anew, and the rest with `recovered`.
    """
    app = typer.Typer(
        no_args_is_help=True, add_completion=False, help=f"六零 Liuling: {name}", pretty_exceptions_enable=False
    )
    run = partial(run_command, build, settings)

    @app.command()
    def serve() -> None:
        """运行服务 Serve the API, relay, consumer and timers until SIGTERM."""

        async def command(service: Service) -> int:
            await service.run()
            return 0

        run(command)

    @app.command()
    def migrate() -> None:
        """升级数据库结构并建立主题 Bring the schema to head and make sure the topics exist."""

        async def command(service: Service) -> int:
            await service.migrate()
            created = await ensure_topics(service.settings)
            if service.settings.kafka_username is not None and not await grant(service.settings):
                console.print(
                    "Kafka 不检查权限 has no authorizer: 有名字的都能读写 whoever has a name reads and writes"
                )
            console.print(
                f"{name}: 数据库结构已是最新 schema at head; 新建主题 topics created: {', '.join(created) or '—'}"
            )
            return 0

        run(command)

    def rebuild_() -> None:
        """用事件重建读模型 Rebuild the read tables from the events."""
        run(_rebuild)

    app.command(name="rebuild")(rebuild or rebuild_)

    @app.command(name="verify")
    def verify_() -> None:
        """核对读模型与事件是否一致 Compare the live tables with what the events give."""
        run(verify or _verify)

    @app.command(name="republish")
    def republish_(
        first: Annotated[int, typer.Option("--from", min=1, help="起始位置 first position")] = 1,
        last: Annotated[int | None, typer.Option("--to", min=1, help="结束位置 last position")] = None,
    ) -> None:
        """把事件重新发布到主题 Publish events again, to refill a lost or truncated topic."""

        async def command(service: Service) -> int:
            await service.require_schema()
            await ensure_topics(service.settings)
            await service.broker.connect()
            try:
                with _progress("重新发布 republishing") as progress:
                    count = await republish(service.database, service.relay, first, last, progress)
            except PublishFailed as error:
                sys.exit(f"Kafka 没有全部收下 did not take all: {error}; 从这里继续 go on with --from {error.first}")
            console.print(f"已重新发布 {count} 个事件 events republished")
            return 0

        run(command)

    _add_recover(app, run, read_views, recovered)
    app.add_typer(
        _parked(run), name="parked", help="搁置的消息 Records that could not be understood, and what waits behind."
    )
    return app


class _progress:  # noqa: N801 - reads as a function where it is used
    """A progress line on a terminal that counts items."""

    def __init__(self, label: str) -> None:
        self._progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description} {task.completed}"),
            TimeElapsedColumn(),
            console=console,
            disable=not console.is_terminal,
        )
        self._label = label

    def __enter__(self) -> Callable[[int], None]:
        self._progress.start()
        task = self._progress.add_task(self._label, total=None)
        return lambda count: self._progress.update(task, completed=count)

    def __exit__(self, *_: object) -> None:
        self._progress.stop()


async def _rebuild(service: Service) -> int:
    await service.require_schema()
    with _progress(f"{service.name}: 重放事件 replaying") as progress:
        async with service.database.transaction() as connection:
            count = await service.views.rebuild(connection, progress)
    console.print(f"{service.name}: 已由 {count} 个事件重建 rebuilt from {count} events")
    return 0


def _add_recover(
    app: typer.Typer, run: Callable[[Command], None], read_views: Views | None, recovered: Command | None
) -> None:
    @app.command(name="recover")
    def recover_(
        give_up: Annotated[
            bool,
            typer.Option(
                "--give-up-conflicts", help="放弃与恢复之后的事件冲突的 give up what conflicts with events since"
            ),
        ] = False,
    ) -> None:
        """恢复备份之后，从自己的主题读回此后的事件 After a restore: read back own events since the backup."""

        async def command(service: Service) -> int:
            code = await _recover(service, read_views or service.views, give_up)
            return await recovered(service) if code == 0 and recovered is not None else code

        run(command)


async def _recover(service: Service, views: Views, give_up: bool) -> int:
    """Own events back into the store, what follows from them, and what `migrate` seeds."""
    await service.require_schema()
    await service.require_keys()

    async def follow(connection: AsyncConnection, events: Sequence[Recorded]) -> None:
        if events and service.due is not None:
            await service.due.note(connection)
        await views.rebuild(connection)
        await service.repairs.repair(service.workshop, connection, events)

    try:
        found = await recover(service.database, service.relay, service.settings, follow, give_up=give_up)
    except ServiceRuns:
        console.print(f"[red]{service.name}: 服务正在运行，请先停止 the service is running, stop it first[/red]")
        return 1
    if found.conflicting and not give_up:
        streams = sorted({told.envelope.subject for told in found.conflicting})
        console.print(
            f"[red]{service.name}: 恢复之后又有了别的事件，没有改动任何数据 other events were recorded since the "
            f"restore, nothing was changed: 事件 events {len(found.conflicting)}, 流 streams {len(streams)}: "
            f"{', '.join(streams[:20])}[/red]\n"
            "放弃主题中的这些事件 to give up those of the topic: --give-up-conflicts"
        )
        return 1
    await service.seed()
    details = {wire_type(event_type) for event_type in service.repairs.details}
    kinds = Counter(told.envelope.type for told in found.fitting)
    console.print(
        f"{service.name}: 已从主题读回 {len(found.fitting)} 个事件 events read back from the topic, "
        f"放弃 given up {len(found.conflicting)}",
        soft_wrap=True,
    )
    for kind, count in sorted(kinds.items()):
        # Who it was is in no event: these are to be looked at, once each.
        of_kind = (told.envelope.subject for told in found.fitting if told.envelope.type == kind and kind in details)
        console.print(f"    {count} {kind} {' '.join(dict.fromkeys(of_kind))}".rstrip(), soft_wrap=True)
    return 0


async def _verify(service: Service) -> int:
    """Replay into tables beside the real ones, and compare; the service goes on meanwhile."""
    await service.require_schema()
    with _progress(f"{service.name}: 核对 verifying") as progress:
        async with service.database.reading() as connection:
            count, differing = await differing_read_tables(connection, service.views, progress)
    if differing:
        console.print(
            f"[red]{service.name}: 不一致 differs from the events: {', '.join(differing)}; 请运行 run `rebuild`[/red]"
        )
        return 1
    console.print(f"{service.name}: {count} 个事件，读模型一致 {count} events, read tables identical")
    return 0


_KEY = "键的编号，`list` 每行开头的，或键本身 the key's number, with which a line of `list` begins, or the key itself"
_SHOWN_MAX = 120


def _parked(run_any: Callable[[Command], None]) -> typer.Typer:
    app = typer.Typer(no_args_is_help=True)

    def run(command: Command) -> None:
        async def on_its_schema(service: Service) -> int:
            await service.require_schema()
            return await command(service)

        run_any(on_its_schema)

    topic_option = Annotated[
        str | None, typer.Option("--topic", help="主题，键在几个主题里时才需要 topic, where a key waits in several")
    ]
    key_argument = Annotated[str, typer.Argument(help=_KEY)]

    @app.command(name="list")
    def list_() -> None:
        """列出等待的键 The keys that wait, oldest first."""

        async def command(service: Service) -> int:
            async with service.database.reading() as connection:
                keys = await parking.list_keys(connection)
            # No grid: on a narrow terminal it cuts off just what the other commands have to be given.
            for key in keys:
                shown = _show(key.key)
                cut = shown if len(shown) <= _SHOWN_MAX else f"{shown[:_SHOWN_MAX]}…"
                console.print(f"{key.digest}  {cut}  {key.topic}", soft_wrap=True, markup=False)
                console.print(
                    f"    {key.records} 条 records，{key.reason}，自 since {key.parked_at.astimezone(SHANGHAI):%F %T}"
                    f"（北京时间 in Shanghai），重试 retries {key.attempts}",
                    soft_wrap=True,
                    markup=False,
                )
            if not keys:
                console.print("没有搁置的消息 nothing is parked")
            return 0

        run(command)

    @app.command()
    def show(key: key_argument, topic: topic_option = None) -> None:
        """显示一个键的消息 The records of a key, headers and body."""

        async def command(service: Service) -> int:
            async with service.database.reading() as connection:
                records = await parking.records_of(connection, *await _place_of(connection, key, topic))
            for record in records:
                console.rule(f"{record.topic}[{record.partition}]@{record.offset} {record.reason}")
                for header, value in record.headers:
                    console.print(f"  {header}: {(value or b'').decode('utf-8', 'backslashreplace')}", markup=False)
                console.print(record.value.decode("utf-8", "backslashreplace")[:4000], markup=False)
            return 0 if records else _none()

        run(command)

    @app.command()
    def retry(
        key: Annotated[str | None, typer.Argument(help=_KEY)] = None,
        topic: Annotated[str | None, typer.Option("--topic", help="主题 topic")] = None,
        every: Annotated[bool, typer.Option("--all", help="全部键 every key that waits")] = False,
    ) -> None:
        """重试一个键或全部 Apply the records of a key, or of all keys, again, in order, until one still fails."""
        if every == (key is not None) or (key is None and topic is not None):
            raise typer.BadParameter("给出一个键，或者只给 --all: a key, or --all alone")

        async def command(service: Service) -> int:
            async with service.database.reading() as connection:
                if key is None:
                    chosen = [(k.topic, k.key) for k in await parking.list_keys(connection)]
                else:
                    chosen = [await _place_of(connection, key, topic)]
            results = [await _retry(service, *place) for place in chosen]
            applied, left = sum(r[0] for r in results), sum(r[1] for r in results)
            if applied == left == 0 and not every:
                return _none()
            console.print(f"键 keys {len(chosen)}: 已处理 applied {applied}, 仍搁置 still parked {left}")
            return 0 if left == 0 else 1

        run(command)

    @app.command()
    def discard(
        key: key_argument,
        topic: topic_option = None,
        yes: Annotated[bool, typer.Option("--yes", help="确认丢弃 really discard")] = False,
    ) -> None:
        """丢弃一个键最前面的消息 Give up the first record of a key; `retry` then goes on with the rest."""

        async def command(service: Service) -> int:
            async with service.database.transaction() as connection:
                place = await _place_of(connection, key, topic)
                records = await parking.records_of(connection, *place, lock=True)
                if not records:
                    return _none()
                if not yes:
                    console.print(
                        "将永久跳过这条消息，请加 --yes 确认 this record is skipped for good; confirm with --yes"
                    )
                    return 2
                remembered = await parking.discard(connection, records[0])
            behind = f"；其后还有 {len(records) - 1} 条 records wait behind it: `parked retry`" if records[1:] else ""
            console.print(f"已丢弃 discarded {records[0].topic}[{records[0].partition}]@{records[0].offset}{behind}")
            if not remembered:
                console.print(
                    "[yellow]这条消息没有事件编号，再次读到时还会搁置 "
                    "it has no event id: if it is ever read again, it is parked again[/yellow]"
                )
            return 0

        run(command)

    return app


def _show(key: bytes) -> str:
    """A key on one line: no key need be text, and what is text may end lines or move the cursor."""
    text = key.decode("utf-8", "backslashreplace")
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


async def _place_of(connection: AsyncConnection, key: str, topic: str | None) -> tuple[str, bytes]:
    """Topic and key of what `list` names `key`, by its number or itself. Raises `BadParameter` if it is in several."""
    there = [w for w in await parking.list_keys(connection) if topic in (None, w.topic)]
    # Its number first: somebody else's key may read just like it.
    waiting = [w for w in there if w.digest == key] or [w for w in there if _show(w.key) == key]
    if len(waiting) > 1:
        found = ", ".join(f"{w.digest} {w.topic}" for w in waiting)
        raise typer.BadParameter(f"请用编号或 --topic 指明是哪一个 say which, by number or --topic: {found}")
    return (waiting[0].topic, waiting[0].key) if waiting else ("", b"")


def _none() -> int:
    console.print("这个键没有搁置的消息 nothing is parked under this key")
    return 1


async def _retry(service: Service, topic: str, key: bytes) -> tuple[int, int]:
    """Apply a key's parked records in order. Returns how many were applied and how many are left."""
    handler: Any = service.handler
    applied, after_id = 0, 0
    async with writing(service.database) as connection:
        # Records that consumers add while we work are seen by the next look: they waited for our row locks.
        while records := await parking.records_of(connection, topic, key, after_id=after_id, lock=True):
            for record in records:
                try:
                    try:
                        await _apply_parked(service, handler, connection, record)
                    except Lost:
                        # What the handler remembered of an earlier record went away with it; it has forgotten it now.
                        await _apply_parked(service, handler, connection, record)
                except Exception as error:
                    reason = error.reason if isinstance(error, Unreadable) else type(error).__name__
                    console.print(f"[yellow]{record.topic}[{record.partition}]@{record.offset}: {reason}[/yellow]")
                    await parking.note_attempt(connection, topic, key)
                    return applied, len(await parking.records_of(connection, topic, key))
                applied += 1
                after_id = record.id
    return applied, 0


async def _apply_parked(service: Service, handler: Any, connection: AsyncConnection, record: Any) -> None:
    async with connection.begin_nested():
        delivery = read(record, handler.interests)
        if delivery is not None and (fresh := await claim(connection, [delivery])):
            await handler.apply(connection, fresh)
        await parking.remove(connection, record.id)
