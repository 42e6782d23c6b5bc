"""File contents that differ everywhere, are made fast, and can be made again from their name."""

import hashlib
import random


def made(name, size):
    """`size` bytes that depend on `name` and differ in every 4 KiB block."""
    return random.Random(name).randbytes(size)


def blocks(name, size, block=1 << 20):
    """The same file every time, in blocks, without holding it whole."""
    seed = hashlib.sha256(str(name).encode()).digest()
    left, index = size, 0
    while left > 0:
        step = min(block, left)
        yield hashlib.shake_128(seed + index.to_bytes(8, "little")).digest(step)
        left -= step
        index += 1


def sha256(data):
    """Hexadecimal SHA-256."""
    return hashlib.sha256(data).hexdigest()


def file_sha256(path, block=1 << 20):
    """Hexadecimal SHA-256 of a file, read from start to end."""
    digest = hashlib.sha256()
    with open(path, "rb", buffering=0) as file:
        while part := file.read(block):
            digest.update(part)
    return digest.hexdigest()
