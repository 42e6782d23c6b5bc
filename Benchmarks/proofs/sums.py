"""Every byte that is read is the byte that was put."""

import hashlib
import os
import shutil
from concurrent.futures import ProcessPoolExecutor

from boto3.s3.transfer import TransferConfig
from rig import content

MIB = 1 << 20
GIB = 1 << 30


class Blocks:
    """A made file as boto3 reads it, with its sum."""

    def __init__(self, key, size):
        self.parts = content.blocks(key, size, 4 * MIB)
        self.rest = b""
        self.digest = hashlib.sha256()

    def read(self, count=-1):
        while count < 0 or len(self.rest) < count:
            part = next(self.parts, None)
            if part is None:
                break
            self.digest.update(part)
            self.rest += part
        result, self.rest = (self.rest, b"") if count < 0 else (self.rest[:count], self.rest[count:])
        return result


def put_large(ground, bucket, key, size):
    """Stores a made file; returns its sum."""
    source = Blocks(key, size)
    transfer = TransferConfig(multipart_chunksize=32 * MIB, max_concurrency=4)
    ground.client.upload_fileobj(source, bucket, key, Config=transfer)
    return source.digest.hexdigest()


def put_small(ground, bucket, count):
    """Stores files of 100 KiB, a hundred to a directory; returns their sums."""
    wanted = {}

    def objects():
        for index in range(count):
            key, body = f"small/d{index // 100:03}/f{index:05}", content.made(index, 100 << 10)
            wanted[key] = content.sha256(body)
            yield key, body

    ground.server.put_many(bucket, objects())
    return wanted


def every_sum_is_equal(ground, facts):
    """20 000 x 100 KiB, 64 x 32 MiB and 2 GiB, with 1 and with 16 readers."""
    bucket = ground.bucket("sums")
    wanted = put_small(ground, bucket, 20_000 // ground.scale)
    wanted["one"] = put_large(ground, bucket, "one", 2 * GIB // ground.scale)
    for index in range(64 // ground.scale or 1):
        wanted[f"medium/{index}"] = put_large(ground, bucket, f"medium/{index}", 32 * MIB)
    for readers in (1, 16):
        for cache in (None, os.path.join(ground.folder, f"cache{readers}")):
            options = {"cache": cache, "cache_size": "8GB"} if cache else {}
            mounted = ground.mount(f"s3://{bucket}", sync="60s", **options)
            mounted.reset_peak()
            ground.proxy.clear()
            with ProcessPoolExecutor(readers) as pool:
                paths = [mounted.at(key) for key in wanted]
                found = dict(zip(wanted, pool.map(content.file_sha256, paths, chunksize=8), strict=True))
            wrong = [key for key in wanted if found[key] != wanted[key]]
            what = f"{len(wanted)} files, {readers} readers, {'on disk' if cache else 'in memory'}"
            facts.append((what + ": different sums", len(wrong), 0, not wrong))
            facts.append((what + ": requests", ground.proxy.counts()["kinds"], "–", None))
            facts.append(
                (
                    what + ": peak RSS",
                    f"{mounted.peak() / MIB:.0f} MiB",
                    "256 MiB",
                    mounted.peak() <= 256 * MIB,
                )
            )
            mounted.stop()
            if cache:
                shutil.rmtree(cache)
