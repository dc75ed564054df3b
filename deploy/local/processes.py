"""Child processes of the stack: started in their own session, watched by the warden, ended in order."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import psutil

POLL_S = 0.02
_TAIL_BYTES = 16_384
_WARDEN = Path(__file__).with_name("warden_main.py")


class StackError(Exception):
    """The stack cannot do what was asked; the text says why, in both languages, for the person at the terminal."""


class StartFailed(StackError):
    """A part did not come up, or a command failed; the text ends with its log."""


@dataclass(frozen=True, slots=True)
class Account:
    """The account of the operating system that a process runs as."""

    name: str
    uid: int
    gid: int


@dataclass
class Child:
    """A running process of the stack."""

    name: str
    process: subprocess.Popen[bytes]
    log_path: Path
    stop_signal: signal.Signals
    stop_within_s: float
    _warden: "Warden"

    @property
    def pid(self) -> int:
        """Its process id."""
        return self.process.pid

    def is_alive(self) -> bool:
        """Whether it still runs."""
        return self.process.poll() is None

    def kill(self) -> None:
        """SIGKILL it and all that it started, as a crash would; returns when they are gone."""
        tree = self._tree()
        self.process.kill()
        for process in tree:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        self.process.wait()
        psutil.wait_procs(tree, timeout=5)
        self._warden.forget(self)

    def stop(self) -> int:
        """Ask it to end, wait, and kill it when it does not. Returns its exit code."""
        if self.is_alive():
            self.process.send_signal(self.stop_signal)
            try:
                self.process.wait(self.stop_within_s)
            except subprocess.TimeoutExpired:
                self.kill()
        code = self.process.wait()
        self._warden.forget(self)
        return code

    def _tree(self) -> list[psutil.Process]:
        try:
            return psutil.Process(self.pid).children(recursive=True)
        except psutil.NoSuchProcess:
            return []


class Warden:
    """Starts the stack's processes, and sees to it that none outlives the stack (`warden_main.py`).

    `keep_open` are file descriptors (the data folder's lock) that stay open until the last process has ended, even
    when the process that runs the stack was killed.
    """

    def __init__(self, keep_open: Sequence[int] = ()) -> None:
        self.stopping = threading.Event()
        """Set when the stack goes down: whoever still waits for a part to come up gives up."""
        self._children: list[Child] = []
        self._lock = threading.Lock()
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", str(_WARDEN)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd="/",
            pass_fds=keep_open,
            start_new_session=True,
        )

    def start(
        self,
        name: str,
        command: Sequence[str | Path],
        *,
        log_path: Path,
        environment: Mapping[str, str] | None = None,
        account: Account | None = None,
        folder: Path | None = None,
        stop_signal: signal.Signals = signal.SIGTERM,
        stop_within_s: float = 15.0,
    ) -> Child:
        """Start a process whose output is appended to `log_path`."""

        def launch() -> subprocess.Popen[bytes]:
            return subprocess.Popen(
                [str(part) for part in command],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=dict(environment) if environment is not None else None,
                cwd=folder,
                # Ctrl-C reaches the whole foreground group of a terminal; the order of stopping is ours to choose.
                start_new_session=True,
                user=account.uid if account else None,
                group=account.gid if account else None,
                extra_groups=() if account else None,
            )

        def register() -> Child:
            with self._lock:
                if self.stopping.is_set():
                    raise StackError("正在停止 the stack is stopping")
                for earlier in [c for c in self._children if c.name == name and not c.is_alive()]:
                    self._drop(earlier)  # it ended by itself and is replaced now
                child = Child(name, launch(), log_path, stop_signal, stop_within_s, self)
                self._children.append(child)
                self._tell(f"+ {child.pid} {int(stop_signal)}\n")
                return child

        # In a thread, because Ctrl-C interrupts the main thread anywhere: a child must not be started and then lost.
        with log_path.open("ab") as log, ThreadPoolExecutor(1) as thread:
            return thread.submit(register).result()

    def run(
        self,
        name: str,
        command: Sequence[str | Path],
        *,
        log_path: Path,
        seconds: float,
        environment: Mapping[str, str] | None = None,
        account: Account | None = None,
        folder: Path | None = None,
    ) -> None:
        """Run a command to its end. Raises `StartFailed` with the end of its log when it fails or takes too long."""
        child = self.start(
            name, command, log_path=log_path, environment=environment, account=account, folder=folder, stop_within_s=1
        )
        try:
            self.wait(child, lambda: not child.is_alive(), seconds)
            if child.process.returncode != 0:
                raise StartFailed(f"{name} 失败 failed ({child.process.returncode}):\n{tail(log_path)}")
        finally:
            child.stop()

    def wait(self, child: Child, condition: Callable[[], bool], seconds: float) -> None:
        """Wait until the condition holds. Raises `StartFailed` when the child ends before, or the time is over."""
        deadline = time.monotonic() + seconds
        while not condition():
            if self.stopping.is_set():
                raise StartFailed("正在停止 the stack is stopping")
            if not child.is_alive():
                if condition():  # its end may be what is waited for
                    return
                raise StartFailed(
                    f"{child.name} 启动时退出 ended while starting ({child.process.returncode}); "
                    f"日志 log {child.log_path}:\n{tail(child.log_path)}"
                )
            if time.monotonic() > deadline:
                raise StartFailed(
                    f"{child.name} 在 {seconds:g} 秒内未就绪 was not ready in {seconds:g} s; "
                    f"日志 log {child.log_path}:\n{tail(child.log_path)}"
                )
            time.sleep(POLL_S)

    def forget(self, child: Child) -> None:
        """Take an ended process off the list."""
        with self._lock:
            if child in self._children:
                self._drop(child)

    def children(self) -> list[Child]:
        """The processes that are meant to run, in the order they were started."""
        with self._lock:
            return list(self._children)

    def close(self) -> None:
        """End whatever is left, last started first, and then the warden itself."""
        self.stopping.set()
        for child in reversed(self.children()):
            child.stop()
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()
        self._process.wait()

    def _drop(self, child: Child) -> None:
        self._children.remove(child)
        self._tell(f"- {child.pid}\n")

    def _tell(self, line: str) -> None:
        assert self._process.stdin is not None
        # A warden that someone killed only means that nobody watches; the stack itself goes on and can be ended.
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(line.encode())
            self._process.stdin.flush()


def tail(path: Path, lines: int = 30) -> str:
    """The last lines of a log file, or nothing when there is none."""
    try:
        with path.open("rb") as log:
            log.seek(max(0, log.seek(0, os.SEEK_END) - _TAIL_BYTES))
            return "\n".join(log.read().decode("utf-8", "replace").splitlines()[-lines:])
    except FileNotFoundError:
        return ""
