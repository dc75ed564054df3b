"""Child processes that never outlive us: ended in order, and killed by the kernel if we are."""

import contextlib
import ctypes
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

_PR_SET_PDEATHSIG = 1


class StartFailed(RuntimeError):
    """A part of the stack did not come up; the text holds the end of its log."""


def free_port() -> int:
    """A loopback port that nobody listens on right now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _tie_to_parent(parent: int, death_signal: int) -> Callable[[], None]:
    """A hook for the child between fork and exec: the kernel signals it when its parent is gone."""
    libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None

    def tie() -> None:
        if libc is not None:
            libc.prctl(_PR_SET_PDEATHSIG, death_signal)
            if os.getppid() != parent:  # it died before the tie was made
                os._exit(1)

    return tie


def spawn(
    arguments: Sequence[str],
    log: Path,
    *,
    environment: Mapping[str, str] | None = None,
    death_signal: int = signal.SIGKILL,
    user: str | None = None,
    folder: Path | None = None,
) -> "subprocess.Popen[bytes]":
    """Start a child in its own session, its output in a log. `user` needs root."""
    if user is not None:
        # The change of user clears the tie to the parent; setpriv makes it anew after the change.
        arguments = [*as_user(user), f"--pdeathsig={signal.Signals(death_signal).name[3:]}", "--", *arguments]
    with log.open("ab") as output:
        return subprocess.Popen(
            arguments,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=dict(environment) if environment is not None else None,
            cwd=folder,
            # Ctrl-C on the terminal reaches us alone: we end the children, in order.
            start_new_session=True,
            preexec_fn=_tie_to_parent(os.getpid(), death_signal),
        )


def as_user(user: str) -> list[str]:
    """The command prefix that becomes another user for good."""
    if shutil.which("setpriv") is None:
        raise StartFailed("需要 util-linux 的 setpriv 命令 the command setpriv (util-linux) is needed to run as root")
    return ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups"]


def tail(log: Path, lines: int = 15) -> str:
    """The end of a log, to show why something failed."""
    if not log.exists():
        return ""
    return "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:])


def wait_until(
    ready: Callable[[], bool], process: "subprocess.Popen[bytes]", log: Path, what: str, seconds: float
) -> None:
    """Wait for a part to be ready. Raises `StartFailed` with its log's end when it dies or takes too long."""
    deadline = time.monotonic() + seconds
    while not ready():
        code = process.poll()
        if code is not None:
            raise StartFailed(f"{what} 启动失败 did not start (exit {code}):\n{tail(log)}")
        if time.monotonic() > deadline:
            raise StartFailed(f"{what} 在 {seconds:.0f} 秒内没有就绪 was not ready in time:\n{tail(log)}")
        time.sleep(0.02)


def listening(port: int) -> bool:
    """Whether something accepts connections on a loopback port."""
    with socket.socket() as probe:
        probe.settimeout(0.2)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def stop(process: "subprocess.Popen[bytes] | None", stop_signal: int, seconds: float) -> None:
    """Ask a child to end, and kill it with its session when it does not."""
    if process is None or process.poll() is not None:
        return
    process.send_signal(stop_signal)
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        kill(process)


def kill(process: "subprocess.Popen[bytes] | None") -> None:
    """SIGKILL a child and everything in its session's group, and wait for it."""
    if process is None or process.poll() is not None:
        return
    with contextlib.suppress(ProcessLookupError):  # it may end by itself between the look and the blow
        os.killpg(process.pid, signal.SIGKILL)
    process.wait(10)
