"""The registry's commands: the common ones, and the import of the division file."""

import gc

if __name__ == "__main__":
    gc.disable()  # until everything is loaded: see shared.memory

import uuid
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from services.registry.app import build
from services.registry.organisation.divisions import read_divisions
from services.registry.organisation.publication import publish
from services.registry.settings import RegistrySettings
from shared.cli import run_command, service_cli
from shared.contracts import Refusal
from shared.memory import loaded
from shared.service import Service
from shared.telemetry import span
from shared.web.problems import Texts

console = Console(highlight=False)
main = service_cli("registry", build, RegistrySettings)


@main.command(name="import-divisions")
def import_divisions(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, readable=True, help="区划文件 CSV")],
    source: Annotated[str, typer.Option(help="文件来源 which published file this is")] = "",
) -> None:
    """导入行政区划文件；重复导入不产生变化 Import the division file; importing it again changes nothing."""

    async def command(service: Service) -> int:
        nodes = read_divisions(file.read_bytes(), source or file.name)
        await service.require_schema()
        with span("import-divisions", correlation_id=str(uuid.uuid4())):
            async with service.workshop.transaction(actor="import-divisions") as work:
                done = await publish(work, nodes)
                await work.finish()
        console.print(
            f"组织树 tree: 新增 added {done.added}, 改名 renamed {done.renamed}, 未变 unchanged {done.unchanged}, "
            f"文件中没有 absent {done.absent}"
        )
        return 0

    try:
        run_command(build, RegistrySettings, command)
    except Refusal as refusal:
        texts = Texts([Path(__file__).parent / "locales"])
        for language in ("zh", "en"):
            console.print(f"[red]{texts.get(language, refusal.code, refusal.params)}[/red]")
        raise typer.Exit(1) from None


if __name__ == "__main__":
    loaded()
    main()
