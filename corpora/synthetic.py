# SPDX-License-Identifier: MIT
"""synthetic - many small files from a seed, the same on every machine."""
import itertools
import random

MEDIAN, SIGMA = 1300, 1.03  # bytes: log-normal; 50,000 files make about 110 MB
POOL = 1 << 22


def text_pool(rng):
    """Words with the frequencies of a text: it packs to about a third."""
    words = ["".join(rng.choices("etaoinshrdlucmfwypvbgkjqxz", range(26, 0, -1),
                                 k=rng.randint(2, 9))) for _ in range(4000)]
    weights = list(itertools.accumulate(1 / (rank + 3) for rank in range(len(words))))
    out = []
    size = 0
    while size < POOL:
        line = " ".join(rng.choices(words, cum_weights=weights, k=12)) + "\n"
        out.append(line)
        size += len(line)
    return "".join(out).encode()[:POOL]


def files(count, seed):
    """Yield (path, data) for COUNT files: four of five are text, the fifth does not pack."""
    rng = random.Random(seed)
    text = text_pool(rng)
    for i in range(count):
        size = min(int(rng.lognormvariate(0, SIGMA) * MEDIAN), POOL // 2)
        head = f"{i:08d}\n".encode()
        if i % 5 == 4:
            body = rng.randbytes(max(size - len(head), 0))
        else:
            start = rng.randrange(POOL - size)
            body = text[start:start + max(size - len(head), 0)]
        yield f"/{i // 2500:02d}/{i // 50 % 50:02d}/file-{i:05d}", (head + body)[:size]
