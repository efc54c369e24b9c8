"""Memory that answers took goes back to the system, where glibc would keep it."""

import platform
import subprocess
import sys

import pytest

from lpel_serving.service.http.limits.memory import LARGE_BYTES

BLOCKS = 12

PROGRAM = f"""
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from lpel_serving.service.http.limits.memory import give_back_large_blocks

def resident():
    return 1024 * int(re.search(r"VmRSS:\\s+(\\d+)", Path("/proc/self/status").read_text())[1])

give_back_large_blocks()
before = resident()
with ThreadPoolExecutor(2) as pool:
    for _ in range(2):  # from the first one that is freed glibc learns
        list(pool.map(lambda n: len(b"x" * n), [{3 * LARGE_BYTES}] * 4))
    answers = list(pool.map(lambda n: [b"x" * n, b"y" * 100_000], [{3 * LARGE_BYTES}] * {BLOCKS}))
    most = resident()
    kept = [small for _, small in answers]  # what lies between them
    del answers
    print(before, most, resident())
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="glibc alone keeps large blocks")
def test_large_blocks_go_back_when_they_are_freed():
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], check=True, capture_output=True, text=True
    )
    before, most, after = map(int, done.stdout.split())
    assert most - before > BLOCKS * 2 * LARGE_BYTES
    assert after - before < 4 * LARGE_BYTES
