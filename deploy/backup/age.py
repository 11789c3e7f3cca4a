"""Encryption by `age`: to public keys for writing, by a private key for reading. Content is compressed first.

Whoever writes can't read what others wrote, and must know all the same that what it wrote can be read: each process
adds a recipient of its own, whose private key never leaves its memory and ends with it.
"""

from __future__ import annotations

import errno
import gzip
import hashlib
import subprocess
import sys
import tarfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from getpass import getpass
from pathlib import Path
from typing import IO, Final, Protocol

from deploy.backup.errors import BackupError

AGE: Final = "age"
# A backup is bound by the disk; higher levels cost a small machine more than they save.
_LEVEL: Final = 3
_CHUNK: Final = 1 << 20
_PRIVATE: Final = "AGE-SECRET-KEY-1"


class Readable(Protocol):
    """What plain content is read from."""

    def read(self, size: int = -1, /) -> bytes: ...


@dataclass(frozen=True)
class Identity:
    """Private keys, one a line, as `age-keygen` writes them."""

    text: str = field(repr=False)

    @classmethod
    def asked_for(cls, given: str) -> Identity:
        """From the file `given`, encrypted by a passphrase or not; `-` asks at the prompt, or reads standard input."""
        if given == "-":
            text = getpass("Private key (AGE-SECRET-KEY-1…): ") if sys.stdin.isatty() else sys.stdin.read()
        else:
            text = _from_file(Path(given))
        if _PRIVATE not in text:
            raise BackupError("That is no private key of age's: it begins with AGE-SECRET-KEY-1.")
        return cls(text.strip() + "\n")

    @classmethod
    def fresh(cls) -> Identity:
        return cls(_run([AGE + "-keygen"]).stdout)

    @property
    def recipient(self) -> str:
        return next(line for line in self.text.splitlines() if "public key:" in line).rpartition(" ")[2]

    @contextmanager
    def opened(self, file: Path) -> Iterator[Readable]:
        """The plain content of `file`. Raises BackupError: damaged, or encrypted to other keys."""
        process = subprocess.Popen(  # noqa: S603 - age itself, no shell
            [AGE, "-d", "-i", "-", str(file)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        assert process.stdin is not None  # noqa: S101
        assert process.stdout is not None  # noqa: S101
        try:
            process.stdin.write(self.text.encode())
            process.stdin.close()
            plain = gzip.GzipFile(fileobj=process.stdout)
            yield plain
            while plain.read(_CHUNK):
                pass  # the last bytes are authenticated like the first
        except (EOFError, zlib.error, gzip.BadGzipFile, tarfile.TarError, BrokenPipeError):
            raise self._refusal(process, file) from None
        finally:
            process.stdout.close()
            status = process.wait()
            said = process.stderr.read().decode(errors="replace") if process.stderr else ""
            if process.stderr:
                process.stderr.close()
        if status != 0:
            raise _unreadable(file, said)

    def _refusal(self, process: subprocess.Popen[bytes], file: Path) -> BackupError:
        process.kill()
        process.wait()
        said = process.stderr.read().decode(errors="replace") if process.stderr else ""
        return _unreadable(file, said)


class Recipients:
    """The public keys in `file`, one a line, and this process's own."""

    def __init__(self, file: Path) -> None:
        try:
            lines = [line.strip() for line in file.read_text().splitlines()]
        except OSError as error:
            raise BackupError(f"BACKUP_RECIPIENTS_FILE: {file}: {error.strerror}.") from None
        self._keys = [line for line in lines if line and not line.startswith("#")]
        if not self._keys:
            raise BackupError(
                f"BACKUP_RECIPIENTS_FILE: {file} names no public key: nothing could be read again."
            )
        if any(_PRIVATE in line for line in lines):
            raise BackupError(
                f"{file} holds a private key: it must never be on this machine. Take it for lost."
            )
        self.own = Identity.fresh()

    def encrypt(self, plain: Iterable[bytes], target: IO[bytes]) -> str:
        """Write `plain`, compressed and encrypted, to `target`; answers the SHA-256 of what was plain.

        Raises BackupError, and OSError where the disk is full.
        """
        keys = [part for key in (*self._keys, self.own.recipient) for part in ("-r", key)]
        process = subprocess.Popen(  # noqa: S603 - age itself, no shell
            [AGE, *keys], stdin=subprocess.PIPE, stdout=target, stderr=subprocess.PIPE
        )
        assert process.stdin is not None  # noqa: S101
        assert process.stderr is not None  # noqa: S101
        digest = hashlib.sha256()
        packing = zlib.compressobj(_LEVEL, zlib.DEFLATED, 31)
        try:
            for chunk in plain:
                digest.update(chunk)
                process.stdin.write(packing.compress(chunk))
            process.stdin.write(packing.flush())
            process.stdin.close()
        except BrokenPipeError:
            pass  # it says itself why it ended
        except BaseException:
            process.kill()
            process.wait()
            raise
        said = process.stderr.read().decode(errors="replace")
        process.stderr.close()
        if process.wait() != 0:
            if "no space left" in said:
                raise OSError(errno.ENOSPC, said.strip())
            raise BackupError(f"age: {said.strip().splitlines()[0] if said.strip() else 'ended by itself'}")
        return digest.hexdigest()


def _from_file(file: Path) -> str:
    try:
        content = file.read_bytes()
    except OSError as error:
        raise BackupError(f"{file}: {error.strerror}.") from None
    if content.startswith((b"age-encryption.org/v1", b"-----BEGIN AGE")):
        # It asks for the passphrase at the terminal.
        return subprocess.run([AGE, "-d", str(file)], stdout=subprocess.PIPE, text=True, check=False).stdout  # noqa: S603
    return content.decode(errors="replace")


def _unreadable(file: Path, said: str) -> BackupError:
    if "no identity matched" in said:
        return BackupError(f"{file.name} is encrypted to other keys than this private key's.")
    return BackupError(f"{file.name} is damaged: it can't be read to its end.")


def _run(command: list[str]) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603
    except FileNotFoundError:
        raise BackupError("age isn't installed: apt-get install age.") from None
