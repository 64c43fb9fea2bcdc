"""What is measured of a system under test: its processes' CPU, switches and memory; its disk."""

import contextlib
import os
import pathlib
import subprocess

TICK = os.sysconf("SC_CLK_TCK")


@contextlib.contextmanager
def disk(place):
    """A directory on a journaled file system of its own, an image in PLACE, where that can be had."""
    place.mkdir(parents=True, exist_ok=True)
    image, mount = place / "disk.img", place / "mnt"
    mount.mkdir(exist_ok=True)
    if os.getuid() != 0:
        print("not root: measuring on the file system of build/ (its journal is unknown)")
        yield mount
        return
    subprocess.run(["fallocate", "-l", "4G", str(image)], check=True)
    subprocess.run(["mkfs.ext4", "-q", "-F", str(image)], check=True)
    subprocess.run(["mount", "-o", "loop", str(image), str(mount)], check=True)
    os.chmod(mount, 0o755)
    try:
        yield mount
    finally:
        subprocess.run(["umount", str(mount)], check=False)
        image.unlink(missing_ok=True)


def process_tree(root):
    """ROOT's pid and those of all its living descendants."""
    parents = {}
    for entry in pathlib.Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                text = (entry / "stat").read_text()
                parents[int(entry.name)] = int(text.rsplit(")", 1)[1].split()[1])
    found, grown = {root}, True
    while grown:
        grown = False
        for pid, parent in parents.items():
            if parent in found and pid not in found:
                found.add(pid)
                grown = True
    return found


def usage(root):
    """CPU seconds (reaped children too) and context switches of a process tree."""
    cpu = switches = 0
    for pid in process_tree(root):
        with contextlib.suppress(OSError):
            fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
            cpu += sum(int(n) for n in fields[11:15])
            for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
                if "ctxt_switches" in line:
                    switches += int(line.split()[1])
    return cpu / TICK, switches


def private_memory(root, name):
    """Private bytes of the processes called NAME below ROOT."""
    total = 0
    for pid in process_tree(root):
        with contextlib.suppress(OSError):
            if pathlib.Path(f"/proc/{pid}/comm").read_text().strip() != name:
                continue
            for line in pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
                if line.startswith(("Private_Dirty", "Private_Clean")):
                    total += int(line.split()[1]) * 1024
    return total
