"""The filter, carried out here instruction by instruction: for this machine and for the other one."""

import ctypes
import ctypes.util
import struct

import pytest

from ingest_worker.sandbox import seccomp

ALLOW, KILL, REFUSE = 0x7FFF0000, 0x80000000, 0x00050001
PID = 4711


def answer(machine: seccomp.Machine, number: int, *arguments: int, audit: int | None = None) -> int:
    """What the filter says to one system call. Classic BPF, as the kernel's `bpf_check_classic` and
    `seccomp_check_filter` allow it."""
    data = struct.pack(
        "<iIQ6Q", number, machine.audit if audit is None else audit, 0, *(arguments + (0,) * 6)[:6]
    )
    lines = list(struct.iter_unpack("<HBBI", seccomp.program(machine, PID)))
    place = held = 0
    while True:
        code, if_true, if_false, value = lines[place]
        place += 1
        if code == 0x20:
            (held,) = struct.unpack_from("<I", data, value)
        elif code == 0x06:
            return int(value)
        else:
            found = {0x15: held == value, 0x35: held >= value, 0x45: held & value != 0}[code]
            place += if_true if found else if_false


@pytest.fixture(params=sorted(seccomp.MACHINES))
def machine(request: pytest.FixtureRequest) -> seccomp.Machine:
    return seccomp.MACHINES[request.param]


def test_each_call_gets_the_answer_of_its_list(machine: seccomp.Machine) -> None:
    for table, expected in ((seccomp.ALLOWED, ALLOW), (seccomp.FATAL, KILL)):
        for name, numbers in table.items():
            assert answer(machine, numbers[machine.column]) == expected, name


def test_what_no_list_names_is_refused(machine: seccomp.Machine) -> None:
    named = {
        numbers[machine.column]
        for table in (seccomp.ALLOWED, seccomp.FATAL, seccomp._GUARDED)
        for numbers in table.values()
    }
    refused = {number for number in range(600) if answer(machine, number) == REFUSE}
    assert refused == set(range(600)) - named


def test_memory_is_given_and_made_code_never(machine: seccomp.Machine) -> None:
    for name in ("mmap", "mprotect"):
        number = seccomp._GUARDED[name][machine.column]
        assert answer(machine, number, 0, 4096, 3) == ALLOW
        assert answer(machine, number, 0, 4096, 7) == REFUSE
        assert answer(machine, number, 0, 4096, 5) == REFUSE


def test_a_signal_reaches_the_process_itself_and_nobody_else(machine: seccomp.Machine) -> None:
    number = seccomp._GUARDED["tgkill"][machine.column]
    assert answer(machine, number, PID, PID, 6) == ALLOW
    assert answer(machine, number, 1, 1, 9) == KILL


def test_another_machines_calls_and_numberings_are_fatal(machine: seccomp.Machine) -> None:
    assert answer(machine, 0, audit=0x40000003) == KILL  # 32-bit calls on a 64-bit kernel
    assert answer(machine, 0x40000000) == KILL  # x32
    assert answer(machine, -1) == KILL


@pytest.mark.skipif(
    ctypes.util.find_library("seccomp") is None, reason="libseccomp knows the numbers, and is not here"
)
def test_the_numbers_are_those_that_libseccomp_knows() -> None:
    library = ctypes.CDLL("libseccomp.so.2")
    library.seccomp_syscall_resolve_name_arch.argtypes = [ctypes.c_uint32, ctypes.c_char_p]
    for machine in seccomp.MACHINES.values():
        for table in (seccomp.ALLOWED, seccomp.FATAL, seccomp._GUARDED):
            for name, numbers in table.items():
                assert (
                    library.seccomp_syscall_resolve_name_arch(machine.audit, name.encode())
                    == numbers[machine.column]
                ), name
