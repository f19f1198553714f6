"""The filter in front of a decoder's system calls: an allow-list as a BPF program, for x86-64 and aarch64.
Pure.

Written here and not with libseccomp: its Python binding belongs to a distribution's own Python, the one on
PyPI has had no release since 2021, and an image need not have the library (docs/decisions/0017). A filter
without state is forty comparisons.

The form is classic BPF over `struct seccomp_data` (Linux, Documentation/userspace-api/seccomp_filter.rst);
the numbers are those of `arch/x86/entry/syscalls/syscall_64.tbl` and `include/uapi/asm-generic/unistd.h`.
"""

import errno
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

ALLOWED: Final = MappingProxyType(
    {
        # reading and writing what is open
        "read": (0, 63),
        "write": (1, 64),
        "lseek": (8, 62),
        "pread64": (17, 67),
        "pwrite64": (18, 68),
        "readv": (19, 65),
        "writev": (20, 66),
        "fstat": (5, 80),
        "ftruncate": (77, 46),
        "close": (3, 57),
        # memory, which must not become code
        "brk": (12, 214),
        "munmap": (11, 215),
        "mremap": (25, 216),
        "madvise": (28, 233),
        # locks, clocks, chance, and what libraries ask about this process
        "futex": (202, 98),
        "sched_yield": (24, 124),
        "sched_getaffinity": (204, 123),
        "nanosleep": (35, 101),
        "clock_nanosleep": (230, 115),
        "clock_gettime": (228, 113),
        "clock_getres": (229, 114),
        "gettimeofday": (96, 169),
        "restart_syscall": (219, 128),
        "getrandom": (318, 278),
        "getpid": (39, 172),
        "gettid": (186, 178),
        "getrusage": (98, 165),
        "sysinfo": (99, 179),
        "membarrier": (324, 283),
        "rseq": (334, 293),
        "set_robust_list": (273, 99),
        # signals to itself, and the end
        "rt_sigaction": (13, 134),
        "rt_sigprocmask": (14, 135),
        "rt_sigreturn": (15, 139),
        "sigaltstack": (131, 132),
        "exit": (60, 93),
        "exit_group": (231, 94),
    }
)
"""Name of a system call to its number on x86-64 and on aarch64."""

FATAL: Final = MappingProxyType(
    {
        "socket": (41, 198),
        "socketpair": (53, 199),
        "connect": (42, 203),
        "bind": (49, 200),
        "sendto": (44, 206),
        "sendmsg": (46, 211),
        "execve": (59, 221),
        "execveat": (322, 281),
        "ptrace": (101, 117),
        "process_vm_readv": (310, 270),
        "process_vm_writev": (311, 271),
        "pidfd_open": (434, 434),
        "kill": (62, 129),
        "tkill": (200, 130),
        "rt_sigqueueinfo": (129, 138),
        "mount": (165, 40),
        "unshare": (272, 97),
        "setns": (308, 268),
        "bpf": (321, 280),
        "io_uring_setup": (425, 425),
        "userfaultfd": (323, 282),
        "perf_event_open": (298, 241),
        "open_by_handle_at": (304, 265),
        "memfd_create": (319, 279),
    }
)
"""Calls that no decoder and no library under it makes:
the process is killed (SIGSYS), so that the attempt is reported."""

_GUARDED: Final = MappingProxyType({"mmap": (9, 222), "mprotect": (10, 226), "tgkill": (234, 131)})
"""Calls that are allowed depending on their arguments."""

_ALLOW: Final = 0x7FFF0000
_KILL: Final = 0x80000000
_REFUSE: Final = 0x00050000 | errno.EPERM
"""`SECCOMP_RET_*`. A call that is not named is refused and the process is not killed: a future library that
tries a newer call falls back to an older one."""

_LOAD: Final = 0x20
_EQUAL: Final = 0x15
_AT_LEAST: Final = 0x35
_ANY_BIT: Final = 0x45
_RETURN: Final = 0x06
"""`BPF_LD|W|ABS`, `BPF_JMP|JEQ|K`, `JGE`, `JSET`, `BPF_RET|K` (`include/uapi/linux/bpf_common.h`)."""

_NUMBER_AT: Final = 0
_MACHINE_AT: Final = 4
_ARGUMENTS_AT: Final = 16
"""`struct seccomp_data`: the call, the machine, the instruction pointer, six arguments of 8 bytes."""

_X32: Final = 0x40000000
"""The other call numbers of x86-64 (x32), which would bypass a filter of the first."""

_PROT_EXEC: Final = 4


@dataclass(frozen=True, slots=True)
class Machine:
    """A processor architecture as the filter sees it."""

    audit: int
    """`AUDIT_ARCH_*` (`include/uapi/linux/audit.h`)."""
    column: int
    """Its column in the tables above."""


MACHINES: Final[Mapping[str, Machine]] = MappingProxyType(
    {"x86_64": Machine(0xC000003E, 0), "aarch64": Machine(0xC00000B7, 1)}
)
"""By the machine names of uname(2)."""


def program(machine: Machine, pid: int) -> bytes:
    """The filter for the process `pid`, which may signal itself (as abort(3) does) and no other."""
    column = machine.column
    lines = [
        _line(_LOAD, _MACHINE_AT),
        _line(_EQUAL, machine.audit, 1, 0),
        _line(_RETURN, _KILL),
        _line(_LOAD, _NUMBER_AT),
    ]
    lines += [_line(_AT_LEAST, _X32, 0, 1), _line(_RETURN, _KILL)]
    for numbers in ALLOWED.values():
        lines += [_line(_EQUAL, numbers[column], 0, 1), _line(_RETURN, _ALLOW)]
    for name in ("mmap", "mprotect"):
        lines += _by_argument(_GUARDED[name][column], 2, (_ANY_BIT, _PROT_EXEC), (_REFUSE, _ALLOW))
    lines += _by_argument(_GUARDED["tgkill"][column], 0, (_EQUAL, pid), (_ALLOW, _KILL))
    for numbers in FATAL.values():
        lines += [_line(_EQUAL, numbers[column], 0, 1), _line(_RETURN, _KILL)]
    return b"".join([*lines, _line(_RETURN, _REFUSE)])


def _by_argument(number: int, place: int, test: tuple[int, int], answers: tuple[int, int]) -> list[bytes]:
    """For one call: the first answer if its argument (the low 32 bits)
    passes the test, otherwise the second."""
    return [
        _line(_EQUAL, number, 0, 4),
        _line(_LOAD, _ARGUMENTS_AT + 8 * place),
        _line(*test, 0, 1),
        _line(_RETURN, answers[0]),
        _line(_RETURN, answers[1]),
    ]


def _line(code: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
    """`struct sock_filter`; both machines are little-endian."""
    return struct.pack("<HBBI", code, if_true, if_false, value)
