"""The warden's program: ends the stack's processes when the stack is gone, whatever ended it.

It reads lines ``+ PID SIGNAL`` and ``- PID`` from its standard input. The other end of that pipe is held by the
process that runs the stack; when that is killed, even with SIGKILL, the kernel closes the pipe and we read its end.
(PR_SET_PDEATHSIG would be shorter, but it follows the *thread* that started a child, and tests start parts in
threads.) Standard library only: it is run with ``python -I -S`` so that it starts at once and needs no environment.
"""

import contextlib
import os
import select
import signal
import sys
import time

GRACE_S = 8.0


class Ward:
    """A process to end. Held by a pidfd where there is one, so that a reused number is never hit."""

    def __init__(self, pid: int, stop_signal: int) -> None:
        self.pid = pid
        self.stop_signal = stop_signal
        self.descriptor = os.pidfd_open(pid) if hasattr(os, "pidfd_open") else None

    def send(self, number: int) -> None:
        """Send a signal, if the process still lives."""
        with contextlib.suppress(ProcessLookupError):
            if self.descriptor is not None:
                signal.pidfd_send_signal(self.descriptor, number)
            else:
                os.kill(self.pid, number)

    def ended(self) -> bool:
        """Whether the process has ended (its parent may not have collected it yet)."""
        if self.descriptor is not None:
            return bool(select.select([self.descriptor], [], [], 0)[0])
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return True
        return False


def main() -> None:
    """Keep the list until the pipe ends, then end what is left on it."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    wards: dict[int, Ward] = {}
    for line in sys.stdin:
        sign, pid, *stop_signal = line.split()
        if sign == "+":
            with contextlib.suppress(ProcessLookupError):
                wards[int(pid)] = Ward(int(pid), int(stop_signal[0]))
        else:
            ward = wards.pop(int(pid), None)
            if ward is not None and ward.descriptor is not None:
                os.close(ward.descriptor)

    left = list(reversed(wards.values()))
    for ward in left:
        ward.send(ward.stop_signal)
    deadline = time.monotonic() + GRACE_S
    while left and time.monotonic() < deadline:
        time.sleep(0.02)
        left = [ward for ward in left if not ward.ended()]
    for ward in left:
        ward.send(signal.SIGKILL)


if __name__ == "__main__":
    main()
