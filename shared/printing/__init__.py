"""Paper: a typst template and its data become a PDF with proper Chinese type.

Each document is set by a short-lived process of its own (`press`): typesetting takes tens of megabytes and a core for a
moment, which belongs neither into the memory of a service nor into its event loop.
"""

import asyncio
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from shared.contracts import Refusal

PDF: Final = "application/pdf"

_PRESS = Path(__file__).with_name("press.py")
_AT_ONCE_MAX = 2
_WAITING_MAX = 20
"""Papers that wait their turn, some ten seconds of work; whoever comes then is told to come again."""
_TIMEOUT_S = 30.0
_presses = asyncio.Semaphore(_AT_ONCE_MAX)
_orders: set[object] = set()
"""Papers that are being set, or wait."""


class PressBusy(Refusal):
    """As many papers wait already as may."""

    code = "press_busy"
    status = 503


class PrintingFailed(Exception):
    """The press did not finish; what it said is in the message. Our mistake, not that of whoever wants the paper."""


async def print_pdf(template: Path, data: Mapping[str, Any]) -> bytes:
    """The PDF that a template makes of `data`.

    The template reads the data with ``#let data = json(bytes(sys.inputs.data))``, so every value is content and never
    markup, whoever typed it; `house.typ` beside this file holds what all our papers share. Raises `PrintingFailed` or
    `PressBusy`.
    """
    if len(_orders) >= _AT_ONCE_MAX + _WAITING_MAX:
        raise PressBusy
    order = object()
    _orders.add(order)
    try:
        return await _set(template, data)
    finally:
        _orders.remove(order)


async def _set(template: Path, data: Mapping[str, Any]) -> bytes:
    # -P: the folder of the press is no place to import from; -X utf8: whatever the machine's locale is.
    command = (sys.executable, "-P", "-X", "utf8", str(_PRESS), str(template))
    async with _presses:
        press = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            async with asyncio.timeout(_TIMEOUT_S):
                paper, complaint = await press.communicate(json.dumps(data, ensure_ascii=False).encode())
        except TimeoutError as error:
            raise PrintingFailed(f"{template.name}: no result within {_TIMEOUT_S:.0f} s") from error
        finally:
            if press.returncode is None:
                press.kill()
                await press.wait()
    if press.returncode != 0:
        # The last line names what is wrong with the template; what stands above it may quote the data.
        last = complaint.decode(errors="replace").strip().rpartition("\n")[2]
        raise PrintingFailed(f"{template.name}: {last[:300]}")
    return paper
