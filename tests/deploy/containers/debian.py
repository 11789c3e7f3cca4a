"""Roots made of Debian's packages, in the place of base images that can't be fetched: distroless is just that.

`root` unpacks; nothing of a package is run, so that a root of another architecture is made the same way.
"""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
# Distroless's own list for Python, without the parts that differ between releases.
DISTROLESS = (
    "base-files", "netbase", "tzdata", "media-types", "ca-certificates", "libc6", "libgcc-s1", "libstdc++6",
    "zlib1g", "libbz2-1.0", "libexpat1", "libffi8", "liblzma5", "libncursesw6", "libtinfo6", "libsqlite3-0",
    "libuuid1", "libzstd1",
)  # fmt: skip
# What `python:…-slim` has and our Dockerfile uses.
BUILDER = ("bash", "dash", "coreutils", "sed", "grep", "findutils", "ca-certificates", "python3-pip")


@dataclass(frozen=True)
class Release:
    """A Debian release: its Python, and the packages that are called otherwise in it."""

    name: str
    python: str
    ssl: str

    @property
    def minor(self) -> str:
        return self.python.rpartition(".")[0]

    @property
    def distroless(self) -> tuple[str, ...]:
        minor = self.minor
        parts = (f"libpython{minor}-minimal", f"libpython{minor}-stdlib", f"python{minor}-minimal")
        return (*DISTROLESS, self.ssl, *parts)


DEBIAN_13 = Release("trixie", "3.13.5", "libssl3t64")
DEBIAN_12 = Release("bookworm", "3.11.2", "libssl3")


class Packages:
    """Debian's packages of one release and architecture, asked of the mirror that this machine uses."""

    def __init__(self, folder: Path, release: str, architecture: str) -> None:
        self.folder = folder / f"{release}-{architecture}"
        (self.folder / "lists" / "partial").mkdir(parents=True, exist_ok=True)
        (self.folder / "archives" / "partial").mkdir(parents=True, exist_ok=True)
        (self.folder / "status").touch()
        sources = self.folder / "sources.list"
        sources.write_text(f"deb [signed-by={KEYRING}] {_mirror()} {release} main\n")
        settings = {
            "Dir::Etc::sourcelist": sources,
            "Dir::Etc::sourceparts": "/dev/null",
            "Dir::State::lists": self.folder / "lists",
            "Dir::State::status": self.folder / "status",
            "Dir::Cache": self.folder,
            "Dir::Cache::archives": self.folder / "archives",
            "APT::Architecture": architecture,
            "APT::Architectures": architecture,
            "APT::Sandbox::User": "root",
            "Acquire::Languages": "none",
        }
        self._options = [part for name, value in settings.items() for part in ("-o", f"{name}={value}")]
        self._apt("update", "-qq")

    def unpack(self, root: Path, names: tuple[str, ...], *, closure: bool = False) -> Path:
        """The packages in `root`, with all that they depend on where `closure` says so."""
        for old in (self.folder / "archives").glob("*.deb"):
            old.unlink()
        if closure:
            self._apt("install", "-qq", "-y", "--download-only", "--no-install-recommends", *names)
        else:
            self._apt("download", "-qq", *names)
        # Before base-files of Debian 13 each root made these itself.
        for folder in ("bin", "sbin", "lib", "lib64"):
            (root / "usr" / folder).mkdir(parents=True, exist_ok=True)
            if not (root / folder).is_symlink():
                (root / folder).symlink_to(f"usr/{folder}")
        for package in sorted((self.folder / "archives").glob("*.deb")):
            # `dpkg-deb -x` would replace those links by folders.
            content = subprocess.Popen(["dpkg-deb", "--fsys-tarfile", package], stdout=subprocess.PIPE)
            subprocess.run(
                ["tar", "-x", "-C", root, "--keep-directory-symlink", "--no-same-owner"],
                stdin=content.stdout,
                check=True,
            )
            assert content.wait() == 0, package
        return root

    def _apt(self, *arguments: str) -> None:
        done = subprocess.run(
            ["apt-get", *self._options, *arguments],
            cwd=self.folder / "archives",
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr


def distroless(folder: Path, release: Release, architecture: str = "amd64") -> Path:
    """The root of `gcr.io/distroless/python3-debian…`, as near as its packages make it."""
    root = folder / f"distroless-{release.name}-{architecture}"
    if not root.exists():
        unfinished = folder / f"{root.name}.new"
        shutil.rmtree(unfinished, ignore_errors=True)
        Packages(folder, release.name, architecture).unpack(unfinished, release.distroless)
        for name in ("python3", "python"):
            (unfinished / "usr" / "bin" / name).symlink_to(f"python{release.minor}")
        _certificates(unfinished)
        _accounts(unfinished)
        unfinished.rename(root)
    return root


def builder(folder: Path, release: Release, architecture: str = "amd64") -> Path:
    """A root with Python, pip and a shell, for `python:…-slim-…`."""
    root = folder / f"builder-{release.name}-{architecture}"
    if not root.exists():
        unfinished = folder / f"{root.name}.new"
        shutil.rmtree(unfinished, ignore_errors=True)
        packages = Packages(folder, release.name, architecture)
        packages.unpack(unfinished, BUILDER, closure=True)
        for shell in (unfinished / "usr" / "bin" / "sh",):
            if not shell.exists():
                shell.symlink_to("dash")
        for marker in unfinished.glob("usr/lib/python3*/EXTERNALLY-MANAGED"):
            marker.unlink()
        _certificates(unfinished)
        _accounts(unfinished)
        unfinished.rename(root)
    return root


def _certificates(root: Path) -> None:
    """This machine's, which may know a mirror of its own."""
    folder = root / "etc" / "ssl" / "certs"
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copyfile("/etc/ssl/certs/ca-certificates.crt", folder / "ca-certificates.crt")


def _accounts(root: Path) -> None:
    (root / "etc" / "passwd").write_text(
        "root:x:0:0:root:/root:/sbin/nologin\nnonroot:x:65532:65532:nonroot:/home/nonroot:/sbin/nologin\n"
    )
    (root / "etc" / "group").write_text("root:x:0:\nnonroot:x:65532:\n")
    (root / "home" / "nonroot").mkdir(parents=True, exist_ok=True)


def _mirror() -> str:
    """Where this machine gets Debian's packages."""
    known = subprocess.run(
        ["apt-get", "indextargets", "--format", "$(SITE) $(CODENAME) $(LABEL)"],
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    return next(line.split()[0] for line in known.splitlines() if line.endswith(" Debian"))
