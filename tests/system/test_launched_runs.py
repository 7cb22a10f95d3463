"""Runs launched from the shell, as cron does: on a disk that takes no more, side by side, and what they let out.

Scope: whole runs in processes of their own. What faults do to one publication stands in `test_crashes`,
what the queue does in `test_scheduled_runs`.
"""

import json
import os
import re
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tests.support.checkout import PROJECT
from tests.support.crash_writers import strays
from tests.support.graph import FAST
from tests.support.synthetic import write_upstream
from text_classification_viz.assets.common import today
from text_classification_viz.resources.results_io_manager import read_result
from text_classification_viz.storage.publishing.data_root import DataRoot

DG = Path(sys.executable).with_name("dg")
RUN_SECONDS = 900  # for one of ten
DATED = re.compile(r"(umap_projection|tsne_projection|suspect_map)\w*\.(png|svg)")
SECRET = "correct-horse-battery-staple"
# In a mount namespace of its own: a small disk with the good results on it, filled but for some bytes or mounted
# read-only, then the run, and a copy of what it leaves.
ON_A_BAD_DISK = """
mount -t tmpfs -o size=64m none "$DATA_ROOT"
cp -a "$GOOD/." "$DATA_ROOT"
if [ "$SPARE" = read-only ]; then
    mount -o remount,ro "$DATA_ROOT"
else
    cat /dev/zero > "$DATA_ROOT/filler" 2> /dev/null
    truncate -s "-$SPARE" "$DATA_ROOT/filler"
fi
"$@"
code=$?
cp -a "$DATA_ROOT/." "$AFTER"
rm -f "$AFTER/filler"
exit $code
"""

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not DG.exists(), reason="dg is not installed; run make install"),
]


@dataclass
class Deployment:
    """A DAGSTER_HOME, upstream's files and a DATA_ROOT, made on a `day`."""

    folder: Path
    day: str = field(default_factory=today)

    def __post_init__(self) -> None:
        for name in ("home", "upstream", "data"):
            (self.folder / name).mkdir(parents=True)
        (self.folder / "home" / "dagster.yaml").write_text((PROJECT / "dagster.yaml").read_text())
        write_upstream(self.folder / "upstream")

    @property
    def root(self) -> DataRoot:
        return DataRoot(self.folder / "data")

    def start(self, *before: str, **environment: str) -> subprocess.Popen[str]:
        command = [*before, str(DG), "launch", "--job", "visualization_job"]
        return subprocess.Popen(
            [*command, "--config-json", json.dumps({"ops": FAST})],
            cwd=PROJECT,
            env={
                **os.environ,
                "DAGSTER_HOME": str(self.folder / "home"),
                "UPSTREAM_STORAGE": str(self.folder / "upstream"),
                "DATA_ROOT": str(self.root.path),
                **environment,
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def launch(self, *before: str, **environment: str) -> tuple[int, str]:
        """Exit code, and all that was printed."""
        run = self.start(*before, **environment)
        output, _ = run.communicate(timeout=RUN_SECONDS)
        return run.returncode, output


def published(root: DataRoot) -> dict[str, str]:
    """SHA-256 of each table, picture and page: same input, same bytes, but where runs are compared."""
    # current.json names the hash of row_changes, too
    files = [path for path in root.tables.iterdir() if path.stem not in ("row_changes", "current")]
    return {path.name: sha256(path.read_bytes()).hexdigest() for path in files}


def assert_same(found: dict[str, str], expected: dict[str, str], day: str) -> None:
    """Compare what is published; once `day`, that of the expected, is over, pictures of maps count by name alone.

    They carry the day on which they were drawn.
    """
    other = {} if today() == day else {name: "of another day" for name in expected if DATED.fullmatch(name)}
    assert {name: other.get(name, sha256) for name, sha256 in found.items()} == expected | other


def read_all(root: DataRoot) -> None:
    """Read all that is published, and fail where a part is missing."""
    for path in [path for path in root.tables.iterdir() if not path.name.startswith(".")]:
        if path.suffix in (".parquet", ".npy"):
            read_result(root.tables, path.stem)
        elif path.suffix == ".html":
            assert path.read_bytes().rstrip().endswith(b"</html>"), path
    for run in root.projector_runs.iterdir():
        assert {"projector_config.pbtxt", "metadata.tsv"} <= {path.name for path in run.iterdir()}, run


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Deployment, str]:
    """A deployment after one good run, and what that printed."""
    deployment = Deployment(tmp_path_factory.mktemp("launched") / "deployment")
    code, output = deployment.launch(UNRELATED_API_KEY=SECRET, DATABASE_URL=f"postgres://ann:{SECRET}@db/prod")
    assert code == 0, output[-3_000:]
    return deployment, output


def can_mount() -> bool:
    probe = ["unshare", "--mount", "sh", "-c", "mount -t tmpfs none /mnt"]
    try:
        return subprocess.run(probe, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        return False


@pytest.mark.parametrize(
    ("spare", "found"),
    [
        ("0", "No space left on device"),
        ("300K", "No space left on device"),  # the first tables find room
        ("read-only", "Read-only file system"),
    ],
)
def test_disk_that_takes_no_more(finished, tmp_path, spare, found):
    if not can_mount():
        pytest.skip("a disk of its own needs unshare and the right to mount")
    good, _ = finished
    bad = Deployment(tmp_path / "bad")
    after = DataRoot(tmp_path / "after")
    after.path.mkdir()
    code, output = bad.launch(
        "unshare", "--mount", "sh", "-c", ON_A_BAD_DISK, "sh",
        GOOD=str(good.root.path), AFTER=str(after.path), SPARE=spare,
    )  # fmt: skip
    assert code not in (0, 127)
    assert f"expected to write it, found '{found}'; see to the disk, the mount and the permissions" in output
    assert "What was published is unharmed" in output
    assert_same(published(after), published(good.root), good.day)
    assert strays(after) == []


@pytest.mark.soak
def test_runs_side_by_side_lose_nothing_and_no_reader_sees_a_part(finished, trials, tell):
    """`dg launch` does not queue: both write the same tables and pages, and each its own run of the projector."""
    deployment, _ = finished
    root, before = deployment.root, published(deployment.root)
    n_runs, n_before = 2 * trials(1, 10), len(list(root.projector_runs.iterdir()))
    ended = threading.Event()

    def read_until_ended() -> int:
        n_read = 0
        while not ended.is_set():
            read_all(root)
            n_read += 1
        return n_read

    with ThreadPoolExecutor(1) as reader:
        reading = reader.submit(read_until_ended)
        try:
            for _ in range(n_runs // 2):
                both = [deployment.start() for _ in range(2)]
                outputs = [run.communicate(timeout=RUN_SECONDS)[0] for run in both]
                assert [run.returncode for run in both] == [0, 0], "\n".join(output[-3_000:] for output in outputs)
        finally:
            ended.set()
        n_read = reading.result()
    assert n_read > n_runs
    assert_same(published(root), before, deployment.day)
    assert len(list(root.projector_runs.iterdir())) == n_before + n_runs
    assert strays(root) == []
    tell(f"side by side: {n_runs} runs, two at a time; all read {n_read:,} times meanwhile; torn or lost: 0")


def test_secrets_of_the_environment_stay_there(finished):
    deployment, output = finished
    assert SECRET not in output
    files = [path for path in deployment.folder.rglob("*") if path.is_file()]
    assert len(files) > 50
    assert [path for path in files if SECRET.encode() in path.read_bytes()] == []


def test_tables_carry_no_path_of_this_machine(finished):
    """Whoever is given a table or a page learns nothing of where it was made."""
    deployment, _ = finished
    folder = str(deployment.folder)
    assert all(
        folder not in str(pq.read_metadata(path).metadata) for path in deployment.root.tables.glob("*.parquet")
    )
    for path in deployment.root.path.rglob("*"):
        assert not path.is_file() or folder.encode() not in path.read_bytes(), path
