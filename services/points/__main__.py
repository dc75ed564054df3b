"""The points service's commands. `rebuild` and `verify` are its own: its state is more than views."""

import gc

if __name__ == "__main__":
    gc.disable()  # until everything is loaded: see shared.memory

from typing import Annotated

import typer
import uvloop

from services.points.app import build
from services.points.proof.rebuild import rebuild
from services.points.proof.verify import verify
from services.points.settings import PointsSettings
from shared.cli import service_cli
from shared.memory import collect_rarely

main = service_cli("points", build, PointsSettings, verify=verify)
# The common `rebuild` knows nothing of a second ledger that can be switched to.
main.registered_commands = [command for command in main.registered_commands if command.name != "rebuild"]


@main.command(name="rebuild")
def rebuild_(
    switch: Annotated[
        bool, typer.Option("--switch", help="改用重建的账本 put the rebuilt ledger in place of the live one")
    ] = False,
) -> None:
    """重放全部事件，与在线账本比较 Replay everything into fresh tables and compare with the live ledger."""
    raise typer.Exit(uvloop.run(_rebuild(switch)))


async def _rebuild(switch: bool) -> int:
    service = build(PointsSettings.from_environment())
    try:
        return await rebuild(service, switch=switch)
    finally:
        await service.close()


if __name__ == "__main__":
    collect_rarely()
    main()
