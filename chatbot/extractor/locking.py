"""The process locks itself in before it reads anything: limits, no network, no files but the program's own, no other processes.

Each lock is one of the kernel's. Where one is missing (an old kernel, a container that forbids it) the others still hold.
"""

from __future__ import annotations

import ctypes
import os
import platform
import resource
import signal
import struct
import sys
from contextlib import suppress
from pathlib import Path

from chatbot.knowledge.extract import MAX_MEMORY_BYTES, MAX_SECONDS

PR_SET_PDEATHSIG = 1
PR_SET_SECCOMP = 22
PR_SET_NO_NEW_PRIVS = 38
CLONE_NEWUSER_NEWNET = 0x10000000 | 0x40000000
LANDLOCK_CREATE, LANDLOCK_ADD, LANDLOCK_RESTRICT = 444, 445, 446
LANDLOCK_FIRST_RIGHTS = (1 << 13) - 1  # all that the oldest version knows
READ_RIGHTS = 1 | 1 << 2 | 1 << 3  # to load libraries, read files, list folders
FILE_RIGHTS = 1 | 1 << 2
CODE = ("/usr/lib", "/usr/lib64", "/lib", "/lib64", "/usr/share/zoneinfo", "/etc/ld.so.cache", "/dev/null")

# machine -> its number for the filter, and the calls that nothing which reads a file needs
# socket, connect, socketpair, execve, execveat, fork, vfork, clone, clone3, ptrace, process_vm_readv, process_vm_writev,
# kill, tkill, io_uring_setup, bpf, unshare, mount, keyctl
DENIED = {
    "x86_64": (0xC000003E, (41, 42, 53, 59, 322, 57, 58, 56, 435, 101, 310, 311, 62, 200, 425, 321, 272, 165, 250)),
    "aarch64": (0xC00000B7, (198, 203, 199, 221, 281, 220, 435, 117, 270, 271, 129, 130, 425, 280, 97, 40, 219)),
}
TGKILL = {"x86_64": 234, "aarch64": 131}
LOAD, JUMP_EQUAL, JUMP_ABOVE, RETURN = 0x20, 0x15, 0x35, 0x06
ALLOW, DENY, KILL = 0x7FFF0000, 0x00050001, 0x80000000
X32 = 0x40000000


def lock_in() -> None:
    """What can't be locked by the kernel at hand is left open; the limits always hold."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    with suppress(OSError):  # where memory runs out, this process is the one to go
        Path("/proc/self/oom_score_adj").write_text("1000", "ascii")
    libc.unshare(CLONE_NEWUSER_NEWNET)
    libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    _set_limits()
    _close_files(libc)
    _close_calls(libc)


def _set_limits() -> None:
    limits = {
        resource.RLIMIT_AS: MAX_MEMORY_BYTES,
        resource.RLIMIT_CPU: MAX_SECONDS,
        resource.RLIMIT_FSIZE: 0,
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_NOFILE: 64,
    }
    for limit, most in limits.items():
        resource.setrlimit(limit, (most, most))
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)


def _close_files(libc: ctypes.CDLL) -> None:
    """Landlock: the program's own files may be read, and nothing else is there."""
    ruleset = libc.syscall(LANDLOCK_CREATE, struct.pack("Q", LANDLOCK_FIRST_RIGHTS), ctypes.c_size_t(8), 0)
    if ruleset < 0:
        return
    for path in (sys.prefix, sys.base_prefix, str(Path(__file__).parent.parent), *CODE):
        with suppress(OSError):
            opened = os.open(path, os.O_PATH)
            rights = READ_RIGHTS if Path(path).is_dir() else FILE_RIGHTS
            libc.syscall(LANDLOCK_ADD, ruleset, 1, struct.pack("=Qi", rights, opened), 0)
            os.close(opened)
    libc.syscall(LANDLOCK_RESTRICT, ruleset, 0)
    os.close(ruleset)


def _close_calls(libc: ctypes.CDLL) -> None:
    """seccomp: the denied calls fail with EPERM. A process may still end itself (abort), and nobody else."""
    machine = platform.machine()
    if machine not in DENIED:
        return
    number, denied = DENIED[machine]
    left = len(denied)
    steps = [
        (LOAD, 0, 0, 4), (JUMP_EQUAL, 1, 0, number), (RETURN, 0, 0, KILL), (LOAD, 0, 0, 0),
        (JUMP_ABOVE, left + 4, 0, X32),  # to DENY, the last but one
        *((JUMP_EQUAL, left - at + 3, 0, call) for at, call in enumerate(denied)),
        (JUMP_EQUAL, 1, 0, TGKILL[machine]),
        (RETURN, 0, 0, ALLOW), (LOAD, 0, 0, 16), (JUMP_EQUAL, 1, 0, os.getpid()), (RETURN, 0, 0, DENY), (RETURN, 0, 0, ALLOW),
    ]  # fmt: skip
    filters = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *step) for step in steps))
    program = ctypes.create_string_buffer(struct.pack("HP", len(steps), ctypes.addressof(filters)))
    libc.prctl(PR_SET_SECCOMP, 2, program, 0, 0)
