"""Lists and reads with one version of PyPI's `alluxiofs`, and prints digests as JSON.

Run by test_cluster.py with that version's folder as PYTHONPATH: the versions exclude each other, so each has
a process of its own.
"""

import hashlib
import json
import sys

import alluxiofs


def sha256(data):
    return hashlib.sha256(data.getvalue() if hasattr(data, "getvalue") else data).hexdigest()


def names(client, folder):
    """The names in a folder; newer versions call the path a name."""
    return sorted(status.name.rpartition("/")[2] for status in client.listdir(folder))


def with_ring(request):
    """1.0.x: finds workers in etcd and places files by the ring itself."""
    client = alluxiofs.AlluxioClient(
        etcd_hosts="127.0.0.1",
        etcd_port=request["etcd_port"],
        cluster_name=request["cluster"],
        hash_node_per_worker=2000,
        page_size="1MB",
        etcd_refresh_workers_interval=-1,
    )
    uri, (offset, length) = request["uri"], request["range"]
    host, port = client._get_preferred_worker_address(uri)
    pages = b"".join(client._all_page_generator(host, port, client._get_path_hash(uri), uri))
    return {
        "worker": host,
        "names": names(client, request["folder"]),
        "size": client.get_file_status(uri).length,
        "whole": sha256(client.read(uri)),
        "range": sha256(client.read_range(uri, offset, length)),
        "chunks": sha256(client.read_chunked(uri)),
        "pages": sha256(pages),
        "head": sha256(client.head(uri, 100)),
        "tail": sha256(client.tail(uri, 100)),
    }


def with_workers(request):
    """1.1.x: asks any worker who holds a file, and reads data from the S3 port."""
    client = alluxiofs.AlluxioClient(worker_hosts=",".join(request["hosts"]))
    uri, (offset, length) = request["uri"], request["range"]
    host, _ = client._get_preferred_worker_address(uri)
    path, size = request["path"], request["size"]
    return {
        "worker": host,
        "names": names(client, request["folder"]),
        "whole": sha256(client.read_file_range(uri, path, 0, size)),
        "range": sha256(client.read_file_range(uri, path, offset, length)),
        "chunks": sha256(client.read_chunked(uri)),
        "head": sha256(client.head(uri, 100)),
        "tail": sha256(client.tail(uri, 100)),
    }


def main():
    request = json.load(sys.stdin)
    json.dump((with_ring if "etcd_port" in request else with_workers)(request), sys.stdout)


if __name__ == "__main__":
    main()
