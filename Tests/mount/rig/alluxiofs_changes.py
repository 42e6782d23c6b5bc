"""Changes a store with one version of PyPI's `alluxiofs`, and prints what each call came to as JSON.

Run by test_worker_changes.py with that version's folder as PYTHONPATH, as alluxiofs_reads.py is.
"""

import json
import sys

import alluxiofs
from alluxiofs.core import CPOption, RMOption


def outcome(call, *arguments):
    """What a call gave, or how it failed."""
    try:
        return call(*arguments)
    except Exception as problem:
        return f"{type(problem).__name__}: {problem}"


def client_of(request):
    if "etcd_port" in request:
        return alluxiofs.AlluxioClient(
            etcd_hosts="127.0.0.1",
            etcd_port=request["etcd_port"],
            cluster_name=request["cluster"],
            hash_node_per_worker=2000,
            page_size="1MB",
            etcd_refresh_workers_interval=-1,
        )
    return alluxiofs.AlluxioClient(worker_hosts=",".join(request["hosts"]))


def main():
    request = json.load(sys.stdin)
    client, root = client_of(request), request["root"]
    data = bytes(range(256)) * request["blocks"]
    done = {
        "mkdir": outcome(client.mkdir, f"{root}/made"),
        "mkdir again": outcome(client.mkdir, f"{root}/made"),
        "touch": outcome(client.touch, f"{root}/made/empty"),
        "write": outcome(client.write_chunked, f"{root}/made/data", data),
        "copy": outcome(client.cp, f"{root}/made", f"{root}/copy", CPOption()),
        "mv": outcome(client.mv, f"{root}/copy/data", f"{root}/moved"),
        "rm from the cache only": outcome(client.rm, f"{root}/moved", RMOption()),
        "rm": outcome(client.rm, f"{root}/made/data", RMOption(remove_alluxio_only=False)),
        "rm a full directory": outcome(client.rm, f"{root}/copy", RMOption(remove_alluxio_only=False)),
        "rm a tree": outcome(
            client.rm, f"{root}/made", RMOption(recursive=True, remove_alluxio_only=False)
        ),
        "rm nothing": outcome(client.rm, f"{root}/made/no", RMOption(remove_alluxio_only=False)),
    }  # fmt: skip
    json.dump(done, sys.stdout)


if __name__ == "__main__":
    main()
