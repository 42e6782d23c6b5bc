"""Trees that tar, rm, git and rsync make, and what they cost at the store; eight mounts in one directory."""

import os
import subprocess
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor

from rig import content
from rig.mounts import AlluxioFuse

GIT = {
    **{f"GIT_{who}_{what}": "a@example.org" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")},
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_CONFIG_SYSTEM": "/dev/null",
}
MOUNTS = 8


def trees_are_whole_and_cheap(ground, facts):
    """5000 odd files unpacked, compared, copied twice and removed; git; 8 mounts x 500 files."""
    count = 5000 // ground.scale
    archive, tree = odd_tree(ground, count)
    bucket = ground.bucket("trees")
    mounted = ground.mount(f"s3://{bucket}", sync="60s")
    unpacking(ground, facts, mounted, archive, tree, count)
    mounted = again(ground, mounted, bucket)
    rsync_twice(facts, mounted, tree)
    mounted = removing(ground, facts, mounted, bucket, count)
    git_works(facts, mounted)
    mounted.stop()
    for interval in ("60s", "1s"):
        eight_mounts(ground, facts, interval)


def odd_tree(ground, count):
    """Files with odd modes, owners and times in directories of a hundred, and an archive of them."""
    tree = os.path.join(tempfile.mkdtemp(prefix="odd-", dir=ground.folder), "tree")
    for index in range(count):
        folder = os.path.join(tree, f"d{index // 1000}", f"e{index // 100}")
        os.makedirs(folder, exist_ok=True)
        path = os.path.join(folder, f"file{index}")
        with open(path, "wb") as file:
            file.write(content.made(index, index * 7 % 9000))
        os.chown(path, 1000 + index % 3, 1000)
        os.chmod(path, 0o400 | index % 0o400)
        os.utime(path, ns=(10**18 + index, 1_100_000_000_000_000_001 + index * 1_000_003))
    archive = os.path.join(os.path.dirname(tree), "tree.tar")
    subprocess.run(["tar", "--format=posix", "-C", tree, "-cf", archive, "."], check=True)
    return archive, tree


def wanted_facts(tree):
    """Mode, owner, time in nanoseconds and size of every file below a folder."""
    found = {}
    for base, _, files in os.walk(tree):
        for name in files:
            path = os.path.join(base, name)
            status = os.lstat(path)
            found[os.path.relpath(path, tree)] = (
                status.st_mode, status.st_uid, status.st_gid, status.st_mtime_ns, status.st_size,
            )  # fmt: skip
    return found


def requests(ground):
    """What has come to the proxy, without the probes of what the server can do."""
    return [entry for entry in ground.proxy.log() if ".alluxio.attributes.pro" not in entry["target"]]


def kinds(log):
    found = {}
    for entry in log:
        found[entry["kind"]] = found.get(entry["kind"], 0) + 1
    return ", ".join(f"{count} {kind}" for kind, count in sorted(found.items()))


def unpacking(ground, facts, mounted, archive, tree, count):
    os.mkdir(mounted.at("tree"))
    ground.proxy.clear()
    subprocess.run(["tar", "-C", mounted.at("tree"), "-xpf", archive], check=True)
    subprocess.run(["sync", "-f", mounted.path], check=True)
    log, bar = requests(ground), count * 5500 // 5000
    facts.append((f"unpacking {count} files: requests ({kinds(log)})", len(log), bar, len(log) <= bar))
    differs(facts, "after unpacking", tree, mounted.at("tree"))


def differs(facts, when, tree, copy):
    told = subprocess.run(["diff", "-r", tree, copy], capture_output=True, text=True).stdout.splitlines()
    facts.append((f"{when}: lines of diff -r", len(told), 0, not told))
    wanted, found = wanted_facts(tree), wanted_facts(copy)
    wrong = [path for path in wanted if found.get(path) != wanted[path]]
    facts.append((f"{when}: files with another mode, owner, time or size", len(wrong), 0, not wrong))
    for path in wrong[:3]:
        facts.append(("wrong", f"{path}: {found.get(path)}, not {wanted[path]}", "none", False))


def again(ground, mounted, bucket):
    """Unmounts, and mounts as another machine."""
    mounted.unmount()
    ground.made.remove(mounted)
    return ground.mount(f"s3://{bucket}", sync="60s")


def rsync_twice(facts, mounted, tree):
    differs(facts, "from another machine", tree, mounted.at("tree"))
    words = ["rsync", "-a", "--itemize-changes", tree + "/", mounted.at("copy") + "/"]
    first = subprocess.run(words, check=True, capture_output=True, text=True).stdout.splitlines()
    second = subprocess.run(words, check=True, capture_output=True, text=True).stdout.splitlines()
    facts.append(("rsync -a: changes of the first run", len(first), "–", None))
    facts.append(("rsync -a: changes of the second run", len(second), 0, not second))


def removing(ground, facts, mounted, bucket, count):
    for name in ("copy", "tree"):
        ground.proxy.clear()
        subprocess.run(["rm", "-r", mounted.at(name)], check=True)
        left = left_after(ground, bucket, name)
        log = requests(ground)
        facts.append((f"rm -r of {count} odd files: requests ({kinds(log)})", len(log), "–", None))
        facts.append(("rm -r: keys that are left", len(left), 0, not left))
    # What others have put: ten directories, and nothing that S3 cannot say.
    ground.server.put_many(bucket, ((f"plain/{index % 10}/f{index}", b"x") for index in range(count)))
    mounted = again(ground, mounted, bucket)
    os.listdir(mounted.path)
    ground.proxy.clear()
    subprocess.run(["rm", "-r", mounted.at("plain")], check=True)
    left = left_after(ground, bucket, "plain")
    log = requests(ground)
    facts.append((f"rm -r of {count} plain files: requests ({kinds(log)})", len(log), 60, len(log) <= 60))
    facts.append(("rm -r: keys that are left", len(left), 0, not left))
    facts += [("left", key, "none", False) for key in left[:5]]
    return mounted


def left_after(ground, bucket, name):
    """The keys that are left when removals have had 15 s to reach the store."""
    ends = time.monotonic() + 15
    while True:
        pages = ground.client.get_paginator("list_objects_v2").paginate(Bucket=bucket)
        left = [item["Key"] for page in pages for item in page.get("Contents", [])]
        left = [key for key in left if key.startswith(f"{name}/")]
        if not left or time.monotonic() > ends:
            return left
        time.sleep(0.5)


def git_works(facts, mounted):
    """A repository with some history is cloned into the mount, checked, changed and checked again."""

    def git(path, *words):
        command = ["git", "-c", "safe.directory=*", "-C", path, *words]
        done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, **GIT})
        return done.returncode, (done.stdout + done.stderr).strip()

    source = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    steps = [git("/", "clone", "-q", "--no-local", source, mounted.at("clone"))]
    steps.append(git(mounted.at("clone"), "fsck", "--full", "--strict"))
    steps.append(git(mounted.at("clone"), "status", "--porcelain"))
    steps.append(git(mounted.at("clone"), "gc", "-q"))
    steps.append(git(mounted.at("clone"), "fsck", "--full"))
    told = [text for status, text in steps if status != 0 or text]
    facts.append(("git clone, fsck, status, gc, fsck: complaints", len(told), 0, not told))
    facts += [("git", text[:200].replace("\n", " "), "none", False) for text in told[:3]]


def eight_mounts(ground, facts, interval):
    """Every mount makes files of its own with odd modes and times, all in one directory."""
    count = 500 // ground.scale
    bucket = ground.bucket(f"eight-{interval}")
    mounts = [ground.mount(f"s3://{bucket}", sync=interval) for _ in range(MOUNTS)]
    os.mkdir(mounts[0].at("dir"))
    for mounted in mounts:
        os.listdir(mounted.path)
    ground.proxy.clear()

    def make(number):
        for index in range(count):
            path = mounts[number].at(f"dir/m{number}-{index}")
            with open(path, "wb") as file:
                file.write(b"x" * (index + 1))
            os.chmod(path, 0o600 | (index + number) % 64)
            os.utime(path, ns=(1, 1_500_000_000_000_000_001 + index))
        subprocess.run(["sync", "-f", mounts[number].path], check=True)

    with ThreadPoolExecutor(MOUNTS) as pool:
        list(pool.map(make, range(MOUNTS)))
    log = requests(ground)
    for mounted in mounts:
        mounted.unmount()
    ground.made.clear()
    fresh: AlluxioFuse = ground.mount(f"s3://{bucket}", sync="60s")
    lost = 0
    for number in range(MOUNTS):
        for index in range(count):
            status = os.stat(fresh.at(f"dir/m{number}-{index}"))
            wanted = (0o600 | (index + number) % 64, 1_500_000_000_000_000_001 + index, index + 1)
            lost += (status.st_mode & 0o777, status.st_mtime_ns, status.st_size) != wanted
    per_file = len(log) / (MOUNTS * count)
    what = f"{MOUNTS} mounts (sync interval {interval}) make {count} files each in one directory"
    facts.append((f"{what}: requests per file ({kinds(log)})", f"{per_file:.2f}", 1.3, per_file <= 1.3))
    facts.append((f"{what}: lost attributes", lost, 0, lost == 0))
