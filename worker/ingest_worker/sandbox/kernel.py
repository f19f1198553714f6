"""prctl, Landlock and capset: the system calls of the walls for which Python's library has no function.

Called by `walls` and by processes that must not be inspected (`undumpable`). Raises `OSError` if the kernel
refuses.
"""

import ctypes
import os
import sys
from typing import Final

_PR_SET_PDEATHSIG: Final = 1
_PR_SET_DUMPABLE: Final = 4
_PR_SET_NO_NEW_PRIVS: Final = 38
_PR_CAP_AMBIENT: Final = 47
_PR_CAP_AMBIENT_CLEAR_ALL: Final = 4
"""`include/uapi/linux/prctl.h`."""

_CAPABILITY_VERSION_3: Final = 0x20080522
"""`include/uapi/linux/capability.h`; two 32-bit sets of effective, permitted and inheritable follow."""

_CAPSET: Final = {"x86_64": 126, "aarch64": 91}

_LANDLOCK_CREATE_RULESET: Final = 444
_LANDLOCK_RESTRICT_SELF: Final = 446
"""The same on every machine, as all system calls since Linux 5.0 (`scripts/syscall.tbl`)."""

_LANDLOCK_VERSION: Final = 1
"""The flag that requests the ABI's version instead of a ruleset (`include/uapi/linux/landlock.h`)."""

_FILES_BY_ABI: Final = {1: 13, 2: 14, 3: 15, 5: 16}
"""How many access rights to files each ABI of Landlock knows: REFER came with 2, TRUNCATE with 3, IOCTL_DEV
with 5."""

_TCP_SINCE: Final = 4
_SCOPES_SINCE: Final = 6
_BOTH: Final = 0b11
"""Binding to and connecting over TCP; signals to and abstract sockets of processes outside."""

_SECCOMP: Final = {"x86_64": 317, "aarch64": 277}
_SECCOMP_SET_MODE_FILTER: Final = 1
_TSYNC: Final = 1
"""`include/uapi/linux/seccomp.h`: the filter applies to all threads."""

LINUX: Final = sys.platform == "linux"


class _Ruleset(ctypes.Structure):
    _fields_ = (("files", ctypes.c_uint64), ("network", ctypes.c_uint64), ("scopes", ctypes.c_uint64))


class _Program(ctypes.Structure):
    """`struct sock_fprog`."""

    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_void_p))


def undumpable() -> None:
    """Prevent every other process of this user from reading this one's memory or its environment in /proc,
    permanently. Linux only.

    /proc/PID/environ, mem and the like then belong to root, and ptrace is refused (ptrace(2),
    proc_pid_environ(5)). An `exec` undoes it.
    """
    if LINUX:
        _prctl(_PR_SET_DUMPABLE, 0)


def die_with(parent: int) -> None:
    """End this process when the thread that started it ends. Raises `ProcessLookupError` if that has already
    happened. Linux only."""
    if LINUX:
        _prctl(_PR_SET_PDEATHSIG, 9)
        if os.getppid() != parent:
            raise ProcessLookupError(parent)


def no_new_privileges() -> None:
    """Nothing that this process executes can gain privileges:
    no set-user-ID, no file capabilities. Cannot be undone."""
    _prctl(_PR_SET_NO_NEW_PRIVS, 1)


def no_capabilities() -> None:
    """Drop every capability that a root process has. An ordinary user has none, and nothing changes."""
    _prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL)
    header, none = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0), (ctypes.c_uint32 * 6)()
    number = _CAPSET.get(os.uname().machine)
    if number is None:
        raise OSError("capset has no known number on this machine")
    _call(number, header, none)


def landlock() -> int:
    """Deny access to every file by its path, to TCP, and to signals to other processes, as far as the
    kernel's Landlock supports it; open files stay usable.

    Returns the ABI in force. Raises `OSError` where there is none (landlock(7)).
    """
    abi = _call(_LANDLOCK_CREATE_RULESET, None, 0, _LANDLOCK_VERSION)
    files = max(rights for since, rights in _FILES_BY_ABI.items() if since <= abi)
    rules = _Ruleset(
        (1 << files) - 1, _BOTH if abi >= _TCP_SINCE else 0, _BOTH if abi >= _SCOPES_SINCE else 0
    )
    size = 8 if abi < _TCP_SINCE else 16 if abi < _SCOPES_SINCE else 24
    ruleset = _call(_LANDLOCK_CREATE_RULESET, ctypes.byref(rules), size, 0)
    try:
        _call(_LANDLOCK_RESTRICT_SELF, ruleset, 0)
    finally:
        os.close(ruleset)
    return abi


def filter_system_calls(program: bytes) -> None:
    """Run a BPF program before every system call of every thread, permanently (seccomp(2)). Requires
    `no_new_privileges`.

    Args:
        program: `struct sock_filter`s, one after the other.
    """
    number = _SECCOMP.get(os.uname().machine)
    if number is None:
        raise OSError("seccomp has no known number on this machine")
    code = ctypes.create_string_buffer(program, len(program))
    _call(
        number,
        _SECCOMP_SET_MODE_FILTER,
        _TSYNC,
        ctypes.byref(_Program(len(program) // 8, ctypes.addressof(code))),
    )


def _prctl(option: int, value: int) -> None:
    library = ctypes.CDLL(None, use_errno=True)
    if (
        library.prctl(option, ctypes.c_ulong(value), ctypes.c_ulong(0), ctypes.c_ulong(0), ctypes.c_ulong(0))
        < 0
    ):
        raise _failed("prctl")


def _call(number: int, *arguments: object) -> int:
    library = ctypes.CDLL(None, use_errno=True)
    library.syscall.restype = ctypes.c_long
    given = [ctypes.c_long(each) if isinstance(each, int) else each for each in arguments]
    answer: int = library.syscall(ctypes.c_long(number), *given)
    if answer < 0:
        raise _failed(f"system call {number}")
    return answer


def _failed(what: str) -> OSError:
    number = ctypes.get_errno()
    return OSError(number, f"{what}: {os.strerror(number)}")
