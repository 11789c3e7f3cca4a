"""Our image, built by buildah from the very Dockerfile, on base images made of Debian's packages."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tests.deploy.containers import debian
from tests.deploy.containers.debian import Release

ROOT: Final = Path(__file__).resolve().parents[3]
# What each release's base images are called; made here, never fetched.
BUILDER: Final = {
    "trixie": "docker.io/library/python:3.13-slim-trixie",
    "bookworm": "docker.io/library/python:3.11-slim-bookworm",
}
BASE: Final = {
    "trixie": "gcr.io/distroless/python3-debian13:nonroot",
    "bookworm": "gcr.io/distroless/python3-debian12:nonroot",
}
PATH: Final = "PATH=/usr/local/bin:/usr/bin:/bin"
CERTIFICATES: Final = "SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt"


class Images:
    """A store of its own in `folder`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._options = ["--storage-driver", "vfs"]
        self._options += ["--root", str(folder / "store"), "--runroot", str(folder / "run")]

    def build(self, release: Release, architecture: str = "amd64") -> str:
        """Our image for a release and an architecture; answers its name."""
        self._base(BUILDER[release.name], debian.builder(self.folder, release), "amd64", PATH)
        root = debian.distroless(self.folder, release, architecture)
        self._base(BASE[release.name], root, architecture, PATH, "--user", "65532")
        name = f"lucid-payments:{release.name}-{architecture}"
        arguments = {
            "BUILDER_IMAGE": BUILDER[release.name],
            "BASE_IMAGE": BASE[release.name],
            "PYTHON_VERSION": release.python,
            "TARGETARCH": architecture,
            "BUILDPLATFORM": "linux/amd64",
            "TARGETPLATFORM": f"linux/{architecture}",
        }
        given = [part for key, value in arguments.items() for part in ("--build-arg", f"{key}={value}")]
        options = ["--isolation", "chroot", "--pull-never", "--format", "docker", "--arch", architecture]
        self.run("bud", *options, *given, "-f", "deploy/Dockerfile", "-t", name, ".")
        return name

    @contextmanager
    def mounted(self, name: str) -> Iterator[Path]:
        """The image's root as a folder."""
        container = self.run("from", "--pull-never", name)
        try:
            yield Path(self.run("mount", container))
        finally:
            self.run("rm", container)

    def run(self, *arguments: str) -> str:
        """buildah's answer. Raises AssertionError with its complaint."""
        done = subprocess.run(
            ["buildah", *self._options, *arguments], cwd=ROOT, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, (done.stdout + done.stderr)[-4000:]
        return done.stdout.strip()

    def environment(self) -> dict[str, str]:
        """For a script that calls buildah itself: this store, and no root's powers."""
        file = self.folder / "storage.conf"
        file.write_text(
            f'[storage]\ndriver = "vfs"\ngraphroot = "{self.folder}/store"\nrunroot = "{self.folder}/run"\n'
        )
        return {**os.environ, "CONTAINERS_STORAGE_CONF": str(file), "BUILDAH_ISOLATION": "chroot"}

    def remove(self) -> None:
        shutil.rmtree(self.folder)

    def _base(self, name: str, root: Path, architecture: str, path: str, *configuration: str) -> None:
        container = self.run("from", "scratch")
        self.run("copy", "-q", container, str(root), "/")
        options = ["--arch", architecture, "--env", path, "--env", CERTIFICATES, *configuration]
        self.run("config", *options, container)
        self.run("commit", "-q", "--rm", container, name)
