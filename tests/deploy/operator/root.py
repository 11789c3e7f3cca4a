"""A root to spoil: this machine's own under an overlay in memory, in namespaces of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

REPOSITORY: Final = Path(__file__).resolve().parents[3]
STAND_INS: Final = Path(__file__).resolve().parent / "stand_ins"
# In the outer namespaces everything stays as it was; what starts in these ends with their first process.
NAMESPACES: Final = (
    "unshare",
    "--mount",
    "--pid",
    "--net",
    "--uts",
    "--fork",
    "--kill-child",
    "--propagation",
    "private",
)
ENTER: Final = """
set -eu
new=$(mktemp -d)
mount -t tmpfs -o size=4g,mode=0755 tmpfs "$new"
mkdir "$new/upper" "$new/work" "$new/root"
mount -t overlay overlay -o "lowerdir=/,upperdir=$new/upper,workdir=$new/work" "$new/root"
mount --rbind /dev "$new/root/dev"
mount --rbind /sys "$new/root/sys"
mount -t proc proc "$new/root/proc"
mkdir -p "$new/root/old_root_of_the_walk"
pivot_root "$new/root" "$new/root/old_root_of_the_walk"
cd /
umount -l /old_root_of_the_walk
hostname lucid
ip link set lo up
cd "$1"; shift
exec "$@"
"""


def run(*command: str, environment: dict[str, str]) -> int:
    """Run `command` in such a root, from the repository's folder; its output is ours."""
    whole = [*NAMESPACES, "sh", "-c", ENTER, "sh", str(REPOSITORY), *command]
    return subprocess.run(whole, env=environment, check=False, timeout=1800).returncode


def furnish() -> None:
    """Inside: what a Pi has and this machine hasn't, and the ways to Python open for users that aren't root."""
    for source in STAND_INS.iterdir():
        target = Path("/usr/local/sbin" if source.name == "systemctl" else "/usr/local/bin") / source.name
        target.parent.mkdir(parents=True, exist_ok=True)
        text = source.read_text().replace("@REPOSITORY@", str(REPOSITORY)).replace("@PYTHON@", sys.executable)
        target.write_text(text)
        target.chmod(0o755)
    for place in (Path(sys.executable).resolve(), Path(sys.prefix), REPOSITORY, Path(sys.executable)):
        for folder in place.absolute().parents:
            folder.chmod(folder.stat().st_mode | 0o555)
    shutil.rmtree("/run/lucid", ignore_errors=True)


def bundle(target: Path) -> None:
    """The code as the page has it, of the files that are here now."""
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"],
        cwd=REPOSITORY,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    copy = target.with_name("code")
    for name in listed.splitlines():
        source = REPOSITORY / name
        if source.is_file():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, copy / name)
    author = ["-c", "user.name=walk", "-c", "user.email=walk@test.invalid"]
    for arguments in (["init", "-q", "-b", "main"], ["add", "-A"], [*author, "commit", "-q", "-m", "all"]):
        subprocess.run(["git", *arguments], cwd=copy, check=True)
    target.parent.mkdir(parents=True, exist_ok=True)
    subprocess.run(["git", "bundle", "create", "-q", str(target), "HEAD"], cwd=copy, check=True)
    shutil.rmtree(copy)


def is_possible() -> bool:
    """Whether such a root can be had here: as root, on a kernel with overlays."""
    if os.geteuid() != 0:
        return False
    whole = [*NAMESPACES, "sh", "-c", ENTER, "sh", "/", "true"]
    return subprocess.run(whole, check=False, capture_output=True, timeout=60).returncode == 0
