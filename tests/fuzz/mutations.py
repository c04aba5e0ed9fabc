"""Damage to stored bytes and to documents: functions of a `random.Random`, the material of the fuzzers."""

import contextlib
import copy
import json

from tests.oracle.v3 import CRC32C, LITTLE, codec

GZIP, ZSTD = codec("gzip", level=6), codec("zstd", level=3, checksum=False)


def flip_bits(rand, data, _):
    data = bytearray(data)
    for _ in range(rand.choice([1, 1, 1, 2, 8])):
        data[rand.randrange(len(data))] ^= 1 << rand.randrange(8)
    return bytes(data)


def set_bytes(rand, data, _):
    at, n = rand.randrange(len(data)), rand.choice([1, 2, 4, 8])
    ones = b"\xff" * (n - 1)
    word = rand.choice([b"\0" * n, ones + b"\xff", b"\x7f" + ones, ones + b"\x7f", rand.randbytes(n)])
    return data[:at] + word + data[at + n :]


def set_header(rand, data, _):
    """Change a word of the first 40 or the last 80 bytes, which hold sizes and offsets."""
    n = rand.choice([1, 2, 4, 8])
    at = rand.choice([rand.randrange(min(40, len(data))), len(data) - 1 - rand.randrange(min(80, len(data)))])
    value = rand.choice(
        [0, 1, len(data), 2**31 - 1, 2**31, 2**63 - 1, 2**63, 2**64 - 4, 2**64 - 1, rand.getrandbits(64)]
    )
    return data[:at] + (value % 2 ** (8 * n)).to_bytes(n, "little") + data[at + n :]


def truncate(rand, data, _):
    return rand.choice([data[: rand.randrange(len(data))], data[rand.randrange(len(data)) :]])


def extend(rand, data, other):
    tail = rand.choice([b"\0", data, other, rand.randbytes(rand.randrange(1, 50))])
    return rand.choice([data + tail, tail + data])


def shuffle(rand, data, _):
    cuts = sorted(rand.choices(range(len(data) + 1), k=3))
    parts = [data[a:b] for a, b in zip([0, *cuts], [*cuts, len(data)], strict=True)]
    rand.shuffle(parts)
    return b"".join(parts)


def splice(rand, data, other):
    at = rand.randrange(len(data))
    return data[:at] + other[rand.randrange(len(other) + 1) :]


def replace(rand, data, other):
    return rand.choice([other, rand.randbytes(rand.randrange(100)), b"", bytes(len(data))])


BYTES = [flip_bits, flip_bits, flip_bits, set_bytes, set_header, set_header, truncate, extend, shuffle, splice, replace]

# ---------------------------------------------------------------- mutations of documents

NUMBERS = [0, 1, -1, 2, 3, 20, 2**31, 2**32, 2**62, 2**63, 2**64, -(2**63), 10**30, 1.0, 0.5, -0.0, 1e400]
WORDS = "0 bytes zstd gzip sharding_indexed int32 r8 r65536 r99999999999 NaN 0x7fc00000 end start default v2 regular"
LISTS = [[], [0], [1, 1], [2, 2], [1, 0], [0, 1], [2**62, 2**62], [-1, 1], [[]], [LITTLE], [LITTLE, CRC32C]]
OBJECTS = [{}, {"name": "bytes"}, {"name": "gzip"}, {"must_understand": False}, LITTLE, ZSTD]
ODD = [None, True, False, "", *NUMBERS, *WORDS.split(), *LISTS, *OBJECTS]


def places(value, found):
    """Return every (container, key) of a JSON value."""
    for key in list(value) if isinstance(value, dict) else range(len(value)):
        found.append((value, key))
        if isinstance(value[key], dict | list):
            places(value[key], found)
    return found


def change_document(rand, data):
    """Replace one to three members, remove them, or copy them over others."""
    document = json.loads(data)
    for _ in range(rand.choice([1, 1, 1, 2, 3])):
        container, key = rand.choice(places(document, []))
        action = rand.random()
        if action < 0.6:
            container[key] = copy.deepcopy(rand.choice(ODD))
        elif action < 0.7:
            del container[key]
        elif action < 0.8 and isinstance(container, list):
            container.append(container[key])
        elif action < 0.9 and isinstance(container[key], int | float):
            container[key] = container[key] * rand.choice([2, -1, 2**20, 2**40]) + rand.choice([0, 1])
        else:
            other, place = rand.choice(places(document, []))
            with contextlib.suppress(KeyError, IndexError):
                container[key] = json.loads(json.dumps(other[place]))
        if not document:
            break
    return json.dumps(document).encode()
