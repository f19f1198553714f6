"""Code that has taken over the decoder, as a decoder's bug would let it: it stands where libavformat is given
the media, and tries things.

Run as a program in the child's place (`in_place_of`): the real child with the real walls, and one function
replaced.
"""

from pathlib import Path

ATTACKS = {
    "open a file": "open('/etc/passwd').read(1)",
    "open the media's folder": "os.listdir(os.path.dirname(request['source']))",
    "write a file": "open(os.path.join(os.path.dirname(request['target']), 'planted'), 'w')",
    "remove a file": "os.unlink(request['source'])",
    "make a link": "os.symlink('/etc/passwd', request['target'] + '.link')",
    "read the parent's environment": "open(f'/proc/{request[\"parent\"]}/environ', 'rb').read()",
    "read the parent's memory": "open(f'/proc/{request[\"parent\"]}/mem', 'rb')",
    "list processes": "os.listdir('/proc')",
    "start a process": "os.fork()",
    "start a thread": "threading.Thread(target=print).start()",
    "run new code": "mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)",
    "raise its limits": "resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 40, 1 << 40))",
    "become another user": "os.setuid(1234)",
    "send a signal through a descriptor": "fcntl.fcntl(0, fcntl.F_SETOWN, request['parent'])",
    "connect over TCP": "socket.socket(socket.AF_INET).connect(('127.0.0.1', 9))",
    "send over UDP": "socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('127.0.0.1', 9))",
    "open a local socket": "socket.socket(socket.AF_UNIX)",
    "run a program": "os.execv('/bin/true', ['true'])",
    "kill its parent": "os.kill(request['parent'], 0)",
    "trace its parent": "call(PTRACE, 16, request['parent'], 0, 0)",
    "read its parent's memory by a call": "call(VM_READ, request['parent'], 0, 0, 0, 0, 0)",
    "make a namespace": "call(UNSHARE, 0x10000000)",
    "queue work in the kernel": "call(IO_URING, 1, 0)",
    "open its own files again": "open(f'/proc/self/fd/{sink}', 'wb')",
    "write more than an audio may have": "os.ftruncate(sink, 1 << 40)",
    "raise its parent's limits": "resource.prlimit(request['parent'], resource.RLIMIT_NOFILE, (9, 9))",
    "be dumped again": "call(PRCTL, 4, 1)",
    "share memory": "call(SHM_GET, 0, 4096, 0o1600)",
    "read the keyring": "call(KEYCTL, 0, -3, 1)",
    "take its parent's descriptors": "call(438, 0, 0, 0)",
    "mount by the newer calls": "call(430, b'proc', 0)",
    "control a terminal": "fcntl.ioctl(0, 0x5412, b'x')",
    "make memory code in a second step": "made_code(mmap.mmap(-1, 4096))",
    "kill everybody": "os.kill(-1, 0)",
    "open an abstract socket": "socket.socket(socket.AF_UNIX).connect('\\0x')",
    "ask the kernel by netlink": "socket.socket(socket.AF_NETLINK, socket.SOCK_RAW)",
    "run a program from memory": "os.execve(os.memfd_create('x'), ['x'], {})",
    "watch faults of memory": "call(USERFAULT, 0)",
    "hold its parent": "os.pidfd_open(request['parent'])",
    "read the media": "file.read(16)",
    "write the audio": "os.write(sink, b'x')",
    "take memory": "bytearray(1 << 20)",
    "ask for the time": "time.time()",
}
"""What is tried, by what it is; `request`, `file` and `sink` are the child's own."""

PROGRAM = """
import ctypes, fcntl, json, mmap, os, resource, socket, sys, threading, time
from ingest_contract.failures import Reason
from ingest_worker.audio import child, media
from ingest_worker.errors import StageError
NUMBERS = {
    "x86_64": (101, 310, 272, 425, 29, 250, 323, 10, 157),
    "aarch64": (117, 270, 97, 425, 194, 219, 282, 226, 167),
}
PTRACE, VM_READ, UNSHARE, IO_URING, SHM_GET, KEYCTL, USERFAULT, MPROTECT, PRCTL = NUMBERS[os.uname().machine]
attack = compile(ATTACK, "attack", "eval")
library = ctypes.CDLL(None, use_errno=True)

def call(*arguments):
    if library.syscall(*arguments) < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))

def made_code(memory):
    place = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    call(MPROTECT, ctypes.c_void_p(place), 4096, 5)

def opened(file, name):
    sink = max(int(each) for each in FDS)
    try:
        eval(attack, globals() | {"request": REQUEST, "file": file, "sink": sink})
    except BaseException as error:
        raise StageError(Reason.UNDECODABLE, f"refused: {type(error).__name__}: {error}")
    raise StageError(Reason.NO_AUDIO_TRACK, "it was done")

walled = child._wall_off
def wall_off():
    global FDS
    FDS = os.listdir("/proc/self/fd")[:-1]
    WALLS
child._wall_off, media.opened = wall_off, opened
loads = json.loads
def remembered(text):
    global REQUEST
    REQUEST = loads(text)
    return REQUEST
json.loads = remembered
USER
sys.exit(child.main())
"""


def in_place_of(
    python: str, folder: Path, attack: str, *, walls: bool = True, user: int | None = None
) -> Path:
    """A program that is started as Python is, and carries out one attack as the decoder; without walls it
    shows what they are for."""
    text = PROGRAM.replace("ATTACK", repr(ATTACKS[attack])).replace("WALLS", "walled()" if walls else "pass")
    text = text.replace(
        "USER", "" if user is None else f"os.setgroups([]); os.setgid({user}); os.setuid({user})"
    )
    code = folder / "attack.py"
    code.write_text(text, encoding="utf-8")
    program = folder / "python"
    program.write_text(f"#!/bin/sh\nexec {python} -I {code}\n", encoding="utf-8")
    program.chmod(0o755)
    return program
