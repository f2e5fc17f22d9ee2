"""A file system that forgets what was not synced, when it is told that the power has failed.

One file, standard library only: it is sent to a host and run there, as root, by the agent. It shows a directory
at its own place, by FUSE, so that whatever is done there comes through here (fuse(4); linux/fuse.h). All is
done at once to the files below; of each file that was written and not synced since, what was there before is
kept, and ``lose`` puts that back. ``tear`` does so for the later half of what was written, and for half of
the write where that begins. Names (created, renamed, removed) are durable at once, and so is what was mapped.

``fill`` leaves some bytes, and then whatever needs space is refused (ENOSPC) until ``free``: every write, since on
a file system that copies on write it needs some where there was something before, too, and every new name. Space
is given by blocks, so that a write which meets the end is cut off between two of them: programs count on that
(etcd's log tells what is torn by whole sectors), and no disk does otherwise.

Run as ``python3 lossy.py DIRECTORY [NAME ...]``, where files of these names are spared, it says ``{"mounted": DIRECTORY}``, answers JSON lines (``{"do": "lose"}``, ``tear``, ``look``, ``free``,
``fill`` with ``left_bytes``, ``slow`` with ``ms``: each sync takes so much longer), and at the end of its input the directory is as it was, with all
that was written.
"""

from __future__ import annotations

import ctypes
import errno
import json
import os
import select
import stat
import struct
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

ROOT = 1
_MOST_WRITE = 128 << 10
_BLOCK = 4096
_NOSUID, _NODEV, _DETACH = 2, 4, 2
_BIG_WRITES = 1 << 5

_IN = struct.Struct("<IIQQIIII")
_OUT = struct.Struct("<IiQ")
_ATTR = struct.Struct("<6Q10I")
_ENTRY = struct.Struct("<4Q2I")
_OPENED = struct.Struct("<QII")
_READ = struct.Struct("<QQI")
_SETATTR = struct.Struct("<II6Q8I")
_INIT = struct.Struct("<4IHHIIHHI28x")

_MODE, _UID, _GID, _SIZE, _ATIME, _MTIME = 1, 2, 4, 8, 16, 32
_ATIME_NOW, _MTIME_NOW = 128, 256
_NO_ANSWER = (2, 36, 42)  # FORGET, INTERRUPT, BATCH_FORGET


@dataclass
class Written:
    """A write or a truncation that was not synced: what was there before."""

    offset: int
    length: int
    before: bytes
    size_before: int

    def undo(self, file: int, *, but: int = 0) -> None:
        """All of it, ``but`` its first bytes."""
        os.pwrite(file, self.before[but:], self.offset + but)
        os.ftruncate(file, max(self.size_before, self.offset + but if but else 0))


@dataclass
class Unsynced:
    """A file's writes since its last sync, and a way to it that outlives its process."""

    file: int
    writes: list[Written] = field(default_factory=list)


class Lossy:
    """The files below ``base`` (a directory, opened) by the numbers that the kernel knows them by.

    Of files whose name is in ``kept`` nothing is forgotten.
    """

    def __init__(self, base: int, kept: Sequence[str] = ()) -> None:
        self.base, self.kept = base, frozenset(kept)
        self._exempt: set[int] = set()
        self._handles: dict[int, set[int]] = {}
        self.slow_ms = 0
        self.syncs = self.slept_us = 0
        self.left_bytes: int | None = None
        self.refused = 0
        self.unsynced: dict[int, Unsynced] = {}
        self._paths: dict[int, str] = {ROOT: "."}
        self._numbers: dict[str, int] = {".": ROOT}
        self._next = ROOT + 1
        self.ops: dict[int, Callable[[int, bytes], bytes]] = {
            1: lambda n, d: self._entry(self._below(n, d)),
            3: lambda n, _: self._attr_out(n),
            4: self.setattr,
            5: lambda n, _: os.fsencode(os.readlink(self._path(n), dir_fd=base)),
            6: self.symlink,
            9: self.mkdir,
            10: lambda n, d: self.remove(self._below(n, d), os.unlink),
            11: lambda n, d: self.remove(self._below(n, d), os.rmdir),
            12: lambda n, d: self.rename(n, d, 8),
            13: self.link,
            14: self.open,
            15: self.read,
            16: self.write,
            17: self.statfs,
            18: self.release,
            20: self.fsync,
            25: lambda _n, _d: b"",
            26: self.init,
            27: self.open,
            28: self.readdir,
            29: self.release,
            30: lambda _n, _d: b"",
            35: self.create,
            43: self.fallocate,
            45: lambda n, d: self.rename(n, d, 16),
        }

    # --- power ------------------------------------------------------------------------------------

    def lose(self) -> dict[str, int]:
        return self._forget(torn=False)

    def tear(self) -> dict[str, int]:
        return self._forget(torn=True)

    def _forget(self, *, torn: bool) -> dict[str, int]:
        writes = lost = 0
        for each in self.unsynced.values():
            kept = len(each.writes) // 2 if torn else 0
            writes += len(each.writes)
            lost += len(each.writes) - kept
            for number in range(len(each.writes) - 1, kept - 1, -1):
                write = each.writes[number]
                write.undo(each.file, but=write.length // 2 if torn and number == kept else 0)
        files = len(self.unsynced)
        for inode in list(self.unsynced):
            self._synced(inode)
        return {"files": files, "writes": writes, "lost": lost, "left": len(self.unsynced)}

    def look(self) -> dict[str, int]:
        return {
            "slow_ms": self.slow_ms,
            "syncs": self.syncs,
            "slowed_us": self.slept_us,
            "refused": self.refused,
        }

    # --- space ------------------------------------------------------------------------------------

    def free(self) -> dict[str, int]:
        self.left_bytes = None
        return self.look()

    def _room(self, offset: int, size: int) -> int:
        """How many of the bytes there is space for; some. Raises OSError where there is none."""
        if self.left_bytes is None:
            return size
        first = offset // _BLOCK
        room = min(size, (first + self.left_bytes // _BLOCK) * _BLOCK - offset)
        if room <= 0:
            raise self._refusal()
        self.left_bytes -= ((offset + room - 1) // _BLOCK - first + 1) * _BLOCK
        return room

    def _new_name(self, path: str) -> str:
        """The same, if a directory takes it: what few bytes are left are not enough. Raises OSError."""
        if self.left_bytes is not None and path.rpartition("/")[2] not in self.kept:
            raise self._refusal()
        return path

    def _refusal(self) -> OSError:
        self.refused += 1
        return OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def fallocate(self, _number: int, _data: bytes) -> bytes:
        """Nothing is set aside: who asks writes instead."""
        raise OSError(errno.ENOSYS, "fallocate") if self.left_bytes is None else self._refusal()

    def _note(self, file: int, offset: int, length: int, *, cut: bool = False) -> None:
        """Keep what is about to be overwritten, or cut off."""
        if file in self._exempt:
            return
        is_ = os.fstat(file)
        each = self.unsynced.get(is_.st_ino)
        if each is None:
            again = os.open(f"/proc/self/fd/{file}", os.O_RDWR)
            each = self.unsynced[is_.st_ino] = Unsynced(again)
        before = os.pread(each.file, max(0, is_.st_size - offset) if cut else length, offset)
        each.writes.append(Written(offset, length, before, is_.st_size))

    def _synced(self, inode: int) -> None:
        each = self.unsynced.pop(inode, None)
        if each is not None:
            os.close(each.file)

    # --- names ------------------------------------------------------------------------------------

    def _path(self, number: int) -> str:
        return self._paths[number]

    def _below(self, parent: int, name: bytes) -> str:
        text = os.fsdecode(name.split(b"\0")[0])
        return text if parent == ROOT else f"{self._path(parent)}/{text}"

    def _number(self, path: str) -> int:
        if path not in self._numbers:
            self._numbers[path], self._paths[self._next] = self._next, path
            self._next += 1
        return self._numbers[path]

    def _gone(self, path: str) -> None:
        """Another file of that name is another number. (What is open needs no path.)"""
        self._numbers.pop(path, None)

    def _entry(self, path: str) -> bytes:
        is_ = os.stat(path, dir_fd=self.base, follow_symlinks=False)
        number = self._number(path)
        return _ENTRY.pack(number, 0, 0, 0, 0, 0) + _attr(is_, number)

    def _nameless(self, number: int) -> int | None:
        """A handle of a file whose name is gone, or another file's, while it is open."""
        named = self._numbers.get(self._path(number)) == number
        return None if named else next(iter(self._handles.get(number, ())), None)

    def _attr_out(self, number: int) -> bytes:
        file = self._nameless(number)
        if file is None:
            is_ = os.stat(self._path(number), dir_fd=self.base, follow_symlinks=False)
        else:
            is_ = os.fstat(file)
        return struct.pack("<QII", 0, 0, 0) + _attr(is_, number)

    # --- what the kernel asks for -----------------------------------------------------------------

    def init(self, _number: int, data: bytes) -> bytes:
        major, _minor, readahead, _flags = struct.unpack_from("<4I", data)
        return _INIT.pack(major, 31, readahead, _BIG_WRITES, 16, 12, _MOST_WRITE, 1, 0, 0, 0)

    def setattr(self, number: int, data: bytes) -> bytes:
        (
            valid,
            _,
            _,
            size,
            _,
            atime,
            mtime,
            _,
            atime_ns,
            mtime_ns,
            _,
            mode,
            _,
            uid,
            gid,
            _,
        ) = _SETATTR.unpack_from(data)
        path = self._path(number)
        if valid & _SIZE:
            opened = self._nameless(number)
            file = os.open(path, os.O_RDWR, dir_fd=self.base) if opened is None else opened
            try:
                self._note(file, size, 0, cut=True)
                os.ftruncate(file, size)
            finally:
                if opened is None:
                    os.close(file)
        if valid & _MODE:
            os.chmod(path, stat.S_IMODE(mode), dir_fd=self.base)
        if valid & (_UID | _GID):
            owner, group = uid if valid & _UID else -1, gid if valid & _GID else -1
            os.chown(path, owner, group, dir_fd=self.base, follow_symlinks=False)
        if valid & (_ATIME | _MTIME):
            now, is_ = time.time_ns(), os.stat(path, dir_fd=self.base, follow_symlinks=False)
            times = [is_.st_atime_ns, is_.st_mtime_ns]
            if valid & _ATIME:
                times[0] = now if valid & _ATIME_NOW else atime * 10**9 + atime_ns
            if valid & _MTIME:
                times[1] = now if valid & _MTIME_NOW else mtime * 10**9 + mtime_ns
            os.utime(path, ns=(times[0], times[1]), dir_fd=self.base, follow_symlinks=False)
        return self._attr_out(number)

    def symlink(self, number: int, data: bytes) -> bytes:
        name, target, _ = data.split(b"\0", 2)
        path = self._new_name(self._below(number, name))
        os.symlink(os.fsdecode(target), path, dir_fd=self.base)
        return self._entry(path)

    def mkdir(self, number: int, data: bytes) -> bytes:
        mode, _umask = struct.unpack_from("<II", data)
        path = self._new_name(self._below(number, data[8:]))
        os.mkdir(path, mode, dir_fd=self.base)
        return self._entry(path)

    def link(self, number: int, data: bytes) -> bytes:
        (old,) = struct.unpack_from("<Q", data)
        path = self._new_name(self._below(number, data[8:]))
        os.link(self._path(old), path, src_dir_fd=self.base, dst_dir_fd=self.base)
        return self._entry(path)

    def remove(self, path: str, how: Callable[..., None]) -> bytes:
        how(path, dir_fd=self.base)
        self._gone(path)
        return b""

    def rename(self, number: int, data: bytes, begin: int) -> bytes:
        (parent,) = struct.unpack_from("<Q", data)
        if begin == 16 and struct.unpack_from("<I", data, 8)[0]:
            raise OSError(errno.EINVAL, "an exchange, or the like")
        old, new, _ = data[begin:].split(b"\0", 2)
        source, target = self._below(number, old), self._below(parent, new)
        os.rename(source, target, src_dir_fd=self.base, dst_dir_fd=self.base)
        self._gone(target)
        for path in [p for p in self._numbers if p == source or p.startswith(source + "/")]:
            moved = target + path[len(source) :]
            self._numbers[moved] = self._numbers.pop(path)
            self._paths[self._numbers[moved]] = moved
        return b""

    def open(self, number: int, data: bytes) -> bytes:
        (flags,) = struct.unpack_from("<I", data)
        path = self._path(number)
        return self._opened(number, path, os.open(path, _both(flags), dir_fd=self.base))

    def _opened(self, number: int, path: str, file: int) -> bytes:
        self._handles.setdefault(number, set()).add(file)
        if path.rpartition("/")[2] in self.kept:
            self._exempt.add(file)
        return _OPENED.pack(file, 0, 0)

    def create(self, number: int, data: bytes) -> bytes:
        flags, mode = struct.unpack_from("<II", data)
        path = self._new_name(self._below(number, data[16:]))
        file = os.open(path, _both(flags) | os.O_CREAT | flags & os.O_EXCL, mode, dir_fd=self.base)
        entry = self._entry(path)
        return entry + self._opened(self._numbers[path], path, file)

    def read(self, _number: int, data: bytes) -> bytes:
        file, offset, size = _READ.unpack_from(data)
        return os.pread(file, size, offset)

    def write(self, _number: int, data: bytes) -> bytes:
        file, offset, size = _READ.unpack_from(data)
        room = size if file in self._exempt else self._room(offset, size)
        self._note(file, offset, room)
        return struct.pack("<II", os.pwrite(file, data[40 : 40 + room], offset), 0)

    def fsync(self, _number: int, data: bytes) -> bytes:
        (file,) = struct.unpack_from("<Q", data)
        began_ns = time.monotonic_ns()
        if self.slow_ms:
            time.sleep(self.slow_ms / 1000)
        self.slept_us = (time.monotonic_ns() - began_ns) // 1000
        os.fdatasync(file)
        self._synced(os.fstat(file).st_ino)
        self.syncs += 1
        return b""

    def release(self, number: int, data: bytes) -> bytes:
        (file,) = struct.unpack_from("<Q", data)
        self._handles.get(number, set()).discard(file)
        self._exempt.discard(file)
        os.close(file)
        return b""

    def readdir(self, number: int, data: bytes) -> bytes:
        file, offset, size = _READ.unpack_from(data)
        answer = b""
        with os.scandir(file) as entries:
            names = [".", "..", *sorted(entry.name for entry in entries)]
        for at, name in enumerate(names[offset:], offset + 1):
            raw = os.fsencode(name)
            entry = struct.pack("<QQII", number, at, len(raw), 0) + raw
            entry += bytes(-len(entry) % 8)
            if len(answer) + len(entry) > size:
                break
            answer += entry
        return answer

    def statfs(self, _number: int, _data: bytes) -> bytes:
        fs = os.fstatvfs(self.base)
        free = (fs.f_bfree, fs.f_bavail) if self.left_bytes is None else (0, 0)
        counts = (fs.f_blocks, *free, fs.f_files, fs.f_ffree)
        return struct.pack("<5Q10I", *counts, fs.f_bsize, fs.f_namemax, fs.f_frsize, *[0] * 7)


def _both(flags: int) -> int:
    """What is written must be read first. Where to append to is the kernel's to say."""
    return os.O_RDWR if flags & os.O_ACCMODE else flags & os.O_DIRECTORY


def _attr(is_: os.stat_result, number: int) -> bytes:
    times = [divmod(ns, 10**9) for ns in (is_.st_atime_ns, is_.st_mtime_ns, is_.st_ctime_ns)]
    return _ATTR.pack(
        number, is_.st_size, is_.st_blocks, *(s for s, _ in times), *(ns for _, ns in times),
        is_.st_mode, is_.st_nlink, is_.st_uid, is_.st_gid, is_.st_rdev, is_.st_blksize, 0,
    )  # fmt: skip


# --- the program ----------------------------------------------------------------------------------


def mount(directory: str, kept: Sequence[str] = ()) -> tuple[Lossy, int]:
    """Raises OSError where it may not, or the kernel has no FUSE. The device is returned, too."""
    base = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    device = os.open("/dev/fuse", os.O_RDWR)
    options = f"fd={device},rootmode=40000,user_id={os.getuid()},group_id={os.getgid()},allow_other,default_permissions"
    libc = ctypes.CDLL(None, use_errno=True)
    flags = ctypes.c_ulong(_NOSUID | _NODEV)
    if libc.mount(b"lossy", os.fsencode(directory), b"fuse", flags, options.encode()) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{os.strerror(number)}: fuse on {directory}")
    return Lossy(base, kept), device


def unmount(directory: str) -> None:
    ctypes.CDLL(None).umount2(os.fsencode(directory), _DETACH)


def answer(lossy: Lossy, request: bytes) -> bytes | None:
    """A request of the kernel's, carried out: the answer, or None where it wants none."""
    _, op, unique, number, *_ = _IN.unpack_from(request)
    if op in _NO_ANSWER:
        return None
    body, problem = b"", 0
    try:
        if op not in lossy.ops:
            problem = errno.ENOSYS
        else:
            body = lossy.ops[op](number, request[_IN.size :])
    except OSError as error:
        problem = error.errno or errno.EIO
    except KeyError:  # a number whose file is gone
        problem = errno.ESTALE
    return _OUT.pack(_OUT.size + len(body), -problem, unique) + body


def serve(lossy: Lossy, device: int) -> None:
    """Until the input ends."""
    pending = b""
    while True:
        ready, _, _ = select.select([device, sys.stdin.fileno()], [], [])
        if device in ready:
            _answer_next(lossy, device)
            continue
        data = os.read(sys.stdin.fileno(), 4096)
        if not data:
            return
        *lines, pending = (pending + data).split(b"\n")
        for line in lines:
            asked = json.loads(line)
            if asked["do"] == "slow":
                lossy.slow_ms = asked["ms"]
            if asked["do"] == "fill":
                lossy.left_bytes = asked["left_bytes"]
            verbs = {"lose": lossy.lose, "tear": lossy.tear, "free": lossy.free}
            _say(verbs.get(asked["do"], lossy.look)())


def _answer_next(lossy: Lossy, device: int) -> None:
    try:
        said = answer(lossy, os.read(device, _MOST_WRITE + 4096))
        if said is not None:
            os.write(device, said)
    except OSError as error:
        if error.errno not in (errno.ENOENT, errno.EINTR):  # who asked does not wait any more
            raise


def _say(told: dict[str, int] | dict[str, str]) -> None:
    sys.stdout.write(json.dumps(told) + "\n")
    sys.stdout.flush()


def main(directory: str, *kept: str) -> None:
    lossy, device = mount(directory, kept)
    try:
        _say({"mounted": directory})
        serve(lossy, device)
    finally:
        unmount(directory)


if __name__ == "__main__":
    main(*sys.argv[1:])
