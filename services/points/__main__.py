"""The points service's commands. `rebuild` and `verify` are its own: its state is more than views."""

import gc

if __name__ == "__main__":
    gc.disable()  # until everything is loaded: see shared.memory

from functools import partial
from typing import Annotated

import typer

from services.points.app import build, read_views
from services.points.proof import rebuild as rebuilding
from services.points.proof.verify import verify
from services.points.settings import PointsSettings
from shared.cli import run_command, service_cli
from shared.memory import collect_rarely
from shared.service import Service


def rebuild(
    switch: Annotated[
        bool, typer.Option("--switch", help="改用重建的账本 put the rebuilt ledger in place of the live one")
    ] = False,
) -> None:
    """重放全部事件，与在线账本比较 Replay everything into fresh tables and compare with the live ledger."""
    run_command(build, PointsSettings, partial(rebuilding.rebuild, switch=switch))


async def recovered(service: Service) -> int:
    """The ledger that follows from events that were read back after a restore: it differs from the one before, so
    whether it was switched to is all that counts.
    """
    await rebuilding.rebuild(service, switch=True, stopped=True)
    if await service.recovering():
        rebuilding.console.print(
            "[red]points: 还没有改用重建的账本，服务不会启动；处理上述问题后再运行 `recover` the rebuilt ledger is not "
            "in place, and the service does not start; run `recover` again once the above is mended[/red]"
        )
        return 1
    return await verify(service)


main = service_cli(
    "points",
    build,
    PointsSettings,
    rebuild=rebuild,
    verify=verify,
    read_views=read_views,
    recovered=recovered,
)

if __name__ == "__main__":
    collect_rarely()
    main()
