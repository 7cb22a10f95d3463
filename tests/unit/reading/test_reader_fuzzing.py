"""Damaged files by the thousand, read in processes of their own: refused with a message or read as they are.

Scope: how many are read and what may come of it. A crash, a hang, code that runs, memory without bounds or
another exception than InputError is a defect, and so is a value other than `pickle` gives.
"""

import json
import os
import re
import subprocess
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from itertools import chain
from pathlib import Path

import pytest

from tests.support.checkout import PROJECT
from tests.support.mutants import genuine, mutant
from tests.support.reader_verdict import ACCEPTED, EQUAL, FORMS, NO_PICKLE, PICKLES, REFUSED

MUTANTS_A_PROCESS = 2_500
# Memory goes back to the system at once, or the peak of one file would count for the next.
ENVIRONMENT = {**os.environ, "ARROW_DEFAULT_MEMORY_POOL": "system", "MALLOC_ARENA_MAX": "1"}

pytestmark = [
    pytest.mark.slow,
    pytest.mark.soak,
    pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="memory is measured through /proc"),
]


def verdicts(first: int, end: int, folder: Path) -> list[list]:
    """[number, form, outcome, bytes of memory, seconds] of each mutant; or [number, form, "defect", why]."""
    folder.mkdir()
    seen: list[list] = []
    while first + len(seen) < end:
        command = [sys.executable, "-m", "tests.support.mutants", str(first + len(seen)), str(end), str(folder)]
        reader = subprocess.run(command, capture_output=True, text=True, env=ENVIRONMENT, cwd=PROJECT, check=False)
        seen += map(json.loads, reader.stdout.splitlines())
        assert reader.returncode <= 0, reader.stderr
        if reader.returncode:
            culprit = first + len(seen)
            seen.append([culprit, mutant(culprit)[0], "defect", f"died of signal {-reader.returncode}"])
    return seen


def test_mutants(tmp_path, trials, tell):
    n_mutants = trials(1_800, 200_000)
    starts = range(0, n_mutants, MUTANTS_A_PROCESS)
    ends = [min(start + MUTANTS_A_PROCESS, n_mutants) for start in starts]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        judged = list(
            chain.from_iterable(pool.map(verdicts, starts, ends, [tmp_path / str(start) for start in starts]))
        )
    assert [number for number, *_ in judged] == list(range(n_mutants))
    defects = [line for line in judged if line[2] == "defect"]
    assert not defects, "\n".join(map(str, defects))
    outcomes = Counter((form, outcome) for _, form, outcome, *_ in judged)
    for form in FORMS:
        assert outcomes[form, REFUSED], form
        assert outcomes[form, EQUAL if form in PICKLES else ACCEPTED], form
    totals = Counter(outcome for _, _, outcome, *_ in judged)
    tell(
        f"mutants of files: {n_mutants:,}, {totals[REFUSED]:,} refused, {totals[EQUAL]:,} read as pickle reads "
        f"them, {totals[NO_PICKLE]:,} that pickle refuses, {totals[ACCEPTED]:,} of other forms read; defects: 0"
    )
    most, slowest = (max(line[index] for line in judged) for index in (3, 4))
    tell(f"mutants of files: at most {most / 2**20:.0f} MiB over the file's size and {slowest:.2f} s")


@pytest.mark.skipif(not find_spec("atheris"), reason="atheris is not installed: it has no wheel for this platform")
def test_coverage_guided(tmp_path, trials, tell):
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    for index, form in enumerate(FORMS):
        for number, content in enumerate(genuine()[form]):
            (corpus / f"{form}-{number}").write_bytes(bytes([index]) + content)
    command = [sys.executable, "-m", "tests.support.fuzz_target", str(corpus), f"-runs={trials(3_000, 500_000)}"]
    fuzzer = subprocess.run(
        [*command, "-seed=1", "-max_len=20000", "-rss_limit_mb=0", f"-artifact_prefix={tmp_path}/"],
        capture_output=True, text=True, env=ENVIRONMENT, cwd=PROJECT, check=False,
    )  # fmt: skip
    assert fuzzer.returncode == 0, fuzzer.stderr[-5_000:]
    assert re.search(r"Done \d+ runs", fuzzer.stderr)
    executed, covered = re.findall(r"#(\d+)\s+DONE\s+cov: (\d+)", fuzzer.stderr)[-1]
    tell(f"coverage-guided: {int(executed):,} files, {covered} branches; defects: 0")
