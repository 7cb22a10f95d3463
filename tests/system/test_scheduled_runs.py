"""Left to run: a real code server and a real daemon, and runs by schedule, by sensor and from the queue."""

import hashlib
import json
import os
import re
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import dagster as dg
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import WorkspaceFileTarget
from dagster_graphql.test.utils import execute_dagster_graphql

from tests.support.browser import free_port, stop
from tests.support.checkout import PROJECT
from tests.support.graph import FAST
from tests.support.new_rows_samples import write_batch
from tests.support.synthetic import TrainingSet, make_training_set, write_upstream

LOCATION = "text_classification_viz"
REPOSITORY = {"repositoryLocationName": LOCATION, "repositoryName": "__repository__"}
LIGHT = ["train_df", "train_vectors", "sampled_train_df"]  # a run of these ends within seconds
# The shortest intervals that the settings allow, in place of five seconds and two minutes.
SHORTEST = {
    "run_monitoring:\n  enabled: true": "run_monitoring:\n  enabled: true\n  poll_interval_seconds: 1",
    "concurrency:": "run_queue: {dequeue_interval_seconds: 1}\nconcurrency:",
}
WEEK = 7 * 24 * 3_600
KEEP_HOURS = 0.05  # of projector runs, and of Dagster's
RETENTION_EVERY = 25
POLL_SECONDS = 0.2
RUN_SECONDS = 540  # for one of ten

pytestmark = [
    pytest.mark.daemon,
    pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="processes are watched through /proc"),
]


@contextmanager
def process(command: Sequence[str], log: Path, environment: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """Run `command` until the block ends, and end it then with all processes that it started."""
    with log.open("ab") as output:
        server = subprocess.Popen(
            command, env=environment, stdout=output, stderr=subprocess.STDOUT, cwd=PROJECT, start_new_session=True
        )
    try:
        yield server
    finally:
        stop(server)


def until(
    found: Callable[[], Any], what: str, seconds: float = RUN_SECONDS, told: Callable[[], Any] | None = None
) -> Any:
    """Ask again until the answer is true; where it never is, say `what` was awaited and what is `told` by then."""
    deadline = time.monotonic() + seconds
    while not (answer := found()):
        if time.monotonic() > deadline:
            pytest.fail(f"not within {seconds} s: {what}{f'; found {told()}' if told else ''}")
        time.sleep(POLL_SECONDS)
    return answer


@dg.job
def lost_job() -> None:
    """Of runs that nobody carries out."""


@dataclass
class Deployment:
    """A DAGSTER_HOME, a DATA_ROOT, a code server and a daemon."""

    folder: Path
    stack: ExitStack
    port: int = field(default_factory=free_port)
    daemon: subprocess.Popen[bytes] | None = None

    def __post_init__(self) -> None:
        for path in (self.home, self.upstream, self.temporary):
            path.mkdir()
        write_upstream(self.upstream, make_training_set(120))
        settings = (PROJECT / "dagster.yaml").read_text()
        for ours, shorter in SHORTEST.items():
            settings = settings.replace(ours, shorter)
        (self.home / "dagster.yaml").write_text(settings)
        self.workspace.write_text(
            f"load_from: [grpc_server: {{host: 127.0.0.1, port: {self.port}, location_name: {LOCATION}}}]\n"
        )
        self._start_code_server()
        self.instance = self.stack.enter_context(dg.DagsterInstance.from_config(str(self.home)))
        self._contexts = self.stack.enter_context(
            WorkspaceProcessContext(self.instance, WorkspaceFileTarget([str(self.workspace)]))
        )

    @property
    def home(self) -> Path:
        return self.folder / "home"

    @property
    def data_root(self) -> Path:
        return self.folder / "data"

    @property
    def upstream(self) -> Path:
        return self.folder / "upstream"

    @property
    def temporary(self) -> Path:
        """What both processes and their children take for /tmp."""
        return self.folder / "temporary"

    @property
    def workspace(self) -> Path:
        return self.folder / "workspace.yaml"

    @property
    def environment(self) -> dict[str, str]:
        return {
            **os.environ,
            "DAGSTER_HOME": str(self.home),
            "DATA_ROOT": str(self.data_root),
            "UPSTREAM_STORAGE": str(self.upstream),
            "TMPDIR": str(self.temporary),
            "VISUALIZATION_CRON": "",
        }

    def _code_is_served(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def _start_code_server(self) -> None:
        module = "text_classification_viz.definitions"
        address = ["--host", "127.0.0.1", "--port", str(self.port)]
        self.code_server = self._start(
            "code_server", ["dagster", "api", "grpc", *address, "-m", module, "--location-name", LOCATION]
        )
        log = self.folder / "code_server.log"
        until(self._code_is_served, "the code server answers", told=log.read_text)

    def restart(self, worker: int) -> None:
        """Kill daemon, code server and a run's worker at once, and start the first two again."""
        for pid in (self.daemon.pid, self.code_server.pid, worker):
            os.kill(pid, signal.SIGKILL)
        self.daemon.wait()
        self.code_server.wait()
        self.daemon = None
        self._start_code_server()
        self.start_daemon()

    def start_daemon(self) -> None:
        """Start it, unless a test before has."""
        self.daemon = self.daemon or self._start("daemon", ["dagster._daemon", "run", "-w", str(self.workspace)])

    def _start(self, name: str, module: list[str]) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", *module]
        return self.stack.enter_context(process(command, self.folder / f"{name}.log", self.environment))

    def ask(self, query: str, **variables: Any) -> Any:
        """What the web UI would ask, answered without a web server."""
        result = execute_dagster_graphql(self._contexts.create_request_context(), query, variables)
        assert not result.errors, result.errors
        return result.data

    def launch(self, job: str = "visualization_job", assets: list[str] | None = None, **config: Any) -> str:
        """Launch a run as the web UI does, and give its id."""
        selector: dict[str, Any] = {**REPOSITORY, "jobName": job}
        if assets:
            selector["assetSelection"] = [{"path": [asset]} for asset in assets]
        launched = self.ask(
            "mutation($execution: ExecutionParams!) { launchRun(executionParams: $execution) { __typename "
            "... on LaunchRunSuccess { run { runId } } ... on PythonError { message } } }",
            execution={"selector": selector, "runConfigData": json.dumps({"ops": config})},
        )["launchRun"]
        assert launched["__typename"] == "LaunchRunSuccess", launched
        return launched["run"]["runId"]

    def lost_run(self, tags: dict[str, str] | None = None) -> str:
        """Put down a run as started that no process carries out, and give its id."""
        run_id = self.instance.create_run_for_job(lost_job, tags=tags).run_id
        self.instance.report_dagster_event(
            dg.DagsterEvent(dg.DagsterEventType.RUN_START.value, "lost_job"), run_id=run_id
        )
        return run_id

    @contextmanager
    def nothing_runs(self) -> Iterator[None]:
        """Keep in the queue what is launched, until the block ends."""
        in_the_way = self.lost_run()
        try:
            yield
        finally:
            self.instance.report_run_canceled(self.instance.get_run_by_id(in_the_way))

    def switch_on_schedule(self, since: float) -> None:
        """Switch on the weekly schedule as if that had been at `since`: it is at once due for what it missed."""
        selector = {**REPOSITORY, "scheduleName": "visualization_schedule"}
        self.ask(
            "mutation($schedule: ScheduleSelector!) { startSchedule(scheduleSelector: $schedule) { __typename } }",
            schedule=selector,
        )
        (state,) = self.instance.all_instigator_state()
        self.instance.update_instigator_state(
            state.with_data(state.instigator_data._replace(start_timestamp=since))
        )

    def switch_on_sensor(self, name: str = "upstream_sensor") -> None:
        self.ask(
            "mutation($sensor: SensorSelector!) { startSensor(sensorSelector: $sensor) { __typename } }",
            sensor={**REPOSITORY, "sensorName": name},
        )

    def backfill(self, assets: list[str], partitions: list[str]) -> None:
        """Start a backfill as the web UI does."""
        started = self.ask(
            "mutation($backfill: LaunchBackfillParams!) { launchPartitionBackfill(backfillParams: $backfill) "
            "{ __typename ... on PythonError { message } } }",
            backfill={"assetSelection": [{"path": [asset]} for asset in assets], "partitionNames": partitions},
        )["launchPartitionBackfill"]
        assert started["__typename"] == "LaunchBackfillSuccess", started

    def status(self, run_id: str) -> str:
        return self.instance.get_run_by_id(run_id).status.value

    def runs(self, *statuses: str) -> list[str]:
        """Ids of the runs in these states, or of all; the oldest first."""
        states = [dg.DagsterRunStatus(status) for status in statuses]
        return [run.run_id for run in reversed(self.instance.get_runs(dg.RunsFilter(statuses=states)))]

    def wait_for(self, run_id: str, *statuses: str) -> str:
        return until(
            lambda: (status := self.status(run_id)) in statuses and status,
            f"run {run_id} is {' or '.join(statuses)}",
            told=lambda: self.status(run_id),
        )

    def end_of(self, run_id: str) -> str:
        return self.wait_for(run_id, "SUCCESS", "FAILURE", "CANCELED")

    def retries_of(self, run_id: str) -> list[str]:
        """Runs that Dagster started in place of one that crashed."""
        return [run.run_id for run in self.instance.get_runs() if run.parent_run_id == run_id]

    def times(self, run_id: str) -> tuple[float, float]:
        """When the run started and ended."""
        record = self.instance.get_run_record_by_id(run_id)
        return record.start_time, record.end_time

    def left_the_queue(self, run_id: str) -> float:
        """When it did so."""
        (entry,) = self.instance.all_logs(run_id, of_type=dg.DagsterEventType.RUN_STARTING)
        return entry.timestamp

    def why_failed(self, run_id: str) -> str:
        """What the log of the run says of its end."""
        entries = self.instance.all_logs(run_id, of_type=dg.DagsterEventType.RUN_FAILURE)
        engine = self.instance.all_logs(run_id, of_type=dg.DagsterEventType.ENGINE_EVENT)
        return "\n".join(entry.user_message or entry.message for entry in [*engine, *entries])

    def worker(self, run_id: str) -> int:
        """The process that carries out a run, by what it says itself when it starts."""
        started = [
            match
            for entry in self.instance.all_logs(run_id, of_type=dg.DagsterEventType.ENGINE_EVENT)
            if (match := re.search(r"Started process for run \(pid: (\d+)\)", entry.message))
        ]
        return int(started[0][1])

    def has_begun(self, run_id: str, step: str) -> bool:
        begun = self.instance.all_logs(run_id, of_type=dg.DagsterEventType.STEP_START)
        return step in {entry.step_key for entry in begun}

    def tables(self) -> dict[str, str]:
        """SHA-256 of each published table: the same input gives the same bytes, but where runs are compared."""
        folder = self.data_root / "visualization"
        files = {*folder.glob("*.parquet"), *folder.glob("*.npy")} - {folder / "row_changes.parquet"}
        return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in files}

    def leftovers(self) -> list[Path]:
        """Temporary files of ours and of anybody else's."""
        ours = [*self.data_root.rglob(".*.tmp"), *self.data_root.glob("**/.staging/*")]
        return [*ours, *(path for path in self.temporary.rglob("*") if path.is_file())]

    def leaves_nothing(self) -> None:
        """Wait for the temporary files to go, which they may do when the process of the last run ends."""
        until(lambda: not self.leftovers(), "no temporary file is left", told=self.leftovers)


@pytest.fixture(scope="module")
def deployment() -> Iterator[Deployment]:
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        yield Deployment(Path(folder), stack)


def resident_mb(pid: int) -> float:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def open_files(pid: int) -> int:
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


def children(pid: int) -> list[int]:
    """Processes that `pid` started, dead ones that it has not looked after included."""
    found = []
    for path in Path(f"/proc/{pid}/task").glob("*/children"):
        with suppress(OSError):  # the thread has ended meanwhile
            found += map(int, path.read_text().split())
    return found


def megabytes(folder: Path) -> float:
    sizes = []
    for file in folder.rglob("*"):
        try:
            sizes.append(file.lstat().st_blocks * 512)
        except FileNotFoundError:  # sqlite's own side files come and go
            continue
    return sum(sizes) / 1e6


@dataclass
class Sample:
    """What is in use once a run has ended."""

    code_server_mb: float
    daemon_mb: float
    code_server_files: int
    daemon_files: int
    processes: int
    tables_mb: float
    projector_run_mb: float
    seconds: float

    @classmethod
    def of(cls, deployment: Deployment, run_id: str) -> "Sample":
        server, daemon = deployment.code_server.pid, deployment.daemon.pid
        started, ended = deployment.times(run_id)
        return cls(
            resident_mb(server),
            resident_mb(daemon),
            open_files(server),
            open_files(daemon),
            len(children(server)),
            megabytes(deployment.data_root / "visualization"),
            # Of the newest: how many there are goes with how fast runs follow each other.
            megabytes(max(deployment.data_root.glob("embeddings/train/*"), default=deployment.temporary)),
            ended - started,
        )


def early_and_late(samples: list[Sample], name: str) -> tuple[float, float]:
    """Medians over the third quarter, from which on the history in the projector is full, and over the last."""
    values = [getattr(sample, name) for sample in samples]
    quarter = max(1, len(values) // 4)
    return statistics.median(values[-2 * quarter : -quarter] or values), statistics.median(values[-quarter:])


def test_scheduled_run_and_one_launched_at_the_same_moment_follow_each_other(deployment):
    """The schedule was switched on two weeks ago and missed two Mondays: it runs once, as it has no partitions."""
    with deployment.nothing_runs():  # so that neither has ended before the other is there
        deployment.switch_on_schedule(time.time() - 2 * WEEK)
        deployment.start_daemon()
        deployment.launch(assets=LIGHT)
        until(lambda: len(deployment.runs("QUEUED")) == 2, "the schedule has its run")
        both = deployment.runs("QUEUED")
    assert [deployment.end_of(run) for run in both] == ["SUCCESS", "SUCCESS"]
    first, second = sorted(both, key=deployment.times)
    assert deployment.times(first)[1] <= deployment.left_the_queue(second)
    assert len(deployment.runs()) == 3  # with the one that was in the way
    deployment.leaves_nothing()


@pytest.mark.soak
def test_killed_run_fails_leaves_the_last_good_tables_and_lets_the_next_succeed(deployment, trials, tell):
    deployment.start_daemon()
    assert deployment.end_of(deployment.launch()) == "SUCCESS"
    before, waited = deployment.tables(), []
    for trial in range(trials(1, 20)):
        killed = deployment.launch()
        behind = deployment.launch(assets=LIGHT)
        step = ["nearest_neighbors", "outlier_report", "tsne_projection", "umap_projection"][trial % 4]
        until(lambda run=killed, step=step: deployment.has_begun(run, step), f"{step} has begun")
        assert deployment.status(behind) == "QUEUED"
        os.kill(deployment.worker(killed), signal.SIGKILL)
        began = time.monotonic()
        assert deployment.end_of(killed) == "FAILURE"
        waited.append(time.monotonic() - began)
        assert "terminated by signal 9 (SIGKILL)" in deployment.why_failed(killed)
        assert deployment.end_of(behind) == "SUCCESS"
        again = until(lambda run=killed: deployment.retries_of(run), "the killed run is run again")
        assert [deployment.end_of(run) for run in again] == ["SUCCESS"]
        assert deployment.tables() == before
    tell(f"runs whose worker was killed: {len(waited)}, each failed within {max(waited):.1f} s, no table lost")


def test_after_a_restart_the_dead_run_is_told_and_run_again_and_the_queue_moves(deployment):
    """Daemon, code server and run die together, as with their container; nobody but the lock knows of the run."""
    deployment.start_daemon()
    dead = deployment.launch()
    behind = deployment.launch(assets=LIGHT)
    until(lambda: deployment.has_begun(dead, "nearest_neighbors"), "nearest_neighbors has begun")
    worker = deployment.worker(dead)
    deployment.restart(worker)
    began = time.monotonic()
    assert deployment.end_of(dead) == "FAILURE"
    assert time.monotonic() - began < 240
    assert deployment.end_of(behind) == "SUCCESS"
    again = until(lambda: deployment.retries_of(dead), "the dead run is run again")
    assert [deployment.end_of(run) for run in again] == ["SUCCESS"]


def test_run_of_which_nobody_knows_holds_up_the_others_only_until_its_time_is_over(deployment):
    """As where `dg launch` was killed, or a machine went down: no code server is there to tell of its end."""
    deployment.start_daemon()
    lost = deployment.lost_run({"dagster/max_runtime": "2"})
    behind = deployment.launch(assets=LIGHT)
    assert deployment.end_of(behind) == "SUCCESS"
    assert deployment.status(lost) == "FAILURE"
    assert deployment.times(lost)[1] <= deployment.times(behind)[0]


@pytest.mark.soak
def test_runs_in_a_row_succeed_and_use_no_more_as_time_goes_on(deployment, trials, tell):
    deployment.start_daemon()
    number = trials(1, 200)
    assets = trials(LIGHT, None)
    config = {} if assets else {**FAST, "projector_logs": {"config": {"keep_hours": KEEP_HOURS}}}
    retention = {"remove_old_runs": {"config": {"keep_days": KEEP_HOURS / 24}}}
    failed_before = deployment.runs("FAILURE")
    if not assets:
        deployment.switch_on_sensor()
    samples, homes = [], []
    for number_of_run in range(1, number + 1):
        run = deployment.launch(assets=assets, **config)
        assert deployment.end_of(run) == "SUCCESS"
        samples.append(Sample.of(deployment, run))
        if number_of_run % RETENTION_EVERY == 0 or number_of_run == number:
            full = megabytes(deployment.home)
            assert deployment.end_of(deployment.launch("retention_job", **retention)) == "SUCCESS"
            homes.append((full, megabytes(deployment.home), len(deployment.runs())))
            print(number_of_run, samples[-1], homes[-1], flush=True)
    until(lambda: not deployment.runs("QUEUED", "STARTING", "STARTED"), "all has run that the sensor asked for")
    assert set(deployment.runs("FAILURE")) <= set(failed_before)
    deployment.leaves_nothing()
    tell(f"runs in a row: {number} of {number} succeeded, one process each, no temporary file left")
    for name in Sample.__dataclass_fields__:
        early, late = early_and_late(samples, name)
        tell(f"{name}, median over the third quarter of the runs and over the last: {early:.1f}, {late:.1f}")
        if number >= 100:
            assert late <= 1.15 * early, name
    for full, emptied, kept in homes:
        tell(f"DAGSTER_HOME before and after retention: {full:.1f} MB, {emptied:.1f} MB; {kept} runs kept")


def test_batches_are_placed_as_they_arrive_and_a_bad_one_fails_alone(deployment):
    """The sensor finds three files, of which one is broken; mended, a backfill of all heals it."""
    deployment.start_daemon()
    assert deployment.end_of(deployment.launch(**FAST)) == "SUCCESS"
    known = make_training_set(120)
    for number, name in enumerate(("monday", "tuesday.2", "wednesday")):
        ids = pa.array(np.arange(40) + 5_000 + 100 * number)
        rows = slice(40 * number, 40 * number + 40)
        new = TrainingSet(known.table.slice(rows.start, 40), known.vectors[rows].copy(), known.class_labels)
        if name == "tuesday.2":
            new.vectors[7, 3] = np.nan
        write_batch(deployment.data_root / "incoming" / f"{name}.parquet", new, id=ids)

    deployment.switch_on_sensor("incoming_sensor")
    job = dg.RunsFilter(job_name="batch_job", statuses=[dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE])
    seconds = 3 * RUN_SECONDS
    until(lambda: deployment.instance.get_runs_count(job) == 3, "a run for each batch ends", seconds)
    ends = {run.tags["dagster/partition"]: run for run in deployment.instance.get_runs(job)}
    assert {name: run.status.value for name, run in ends.items()} == {
        "monday": "SUCCESS",
        "tuesday.2": "FAILURE",
        "wednesday": "SUCCESS",
    }
    (failure,) = deployment.instance.all_logs(ends["tuesday.2"].run_id, of_type=dg.DagsterEventType.STEP_FAILURE)
    assert re.search(
        r"tuesday\.2\.parquet: expected finite numbers, found NaN or infinity in 1 rows, first \[7\]; mend it",
        failure.dagster_event.step_failure_data.user_failure_data.description,
    )
    assets = ["batch_projection", "batch_report", "batch_class_mix"]
    tables = deployment.data_root / "visualization"
    for asset in assets:
        assert {path.name for path in (tables / asset).glob("*.parquet")} == {
            "monday.parquet",
            "wednesday.parquet",
        }
    before = {path: path.read_bytes() for asset in assets for path in (tables / asset).glob("*.parquet")}

    rows = slice(40, 80)
    mended = TrainingSet(known.table.slice(40, 40), known.vectors[rows], known.class_labels)
    ids = np.arange(40) + 5_100
    write_batch(deployment.data_root / "incoming" / "tuesday.2.parquet", mended, id=pa.array(ids))
    deployment.backfill(assets, ["monday", "tuesday.2", "wednesday"])

    def of_backfill() -> list[str]:
        runs = [run for run in deployment.instance.get_runs() if "dagster/backfill" in run.tags]
        return [run.status.value for run in runs]

    until(lambda: of_backfill() == ["SUCCESS"] * 3, "the backfill's runs succeed", seconds)
    assert {path: path.read_bytes() for path in before} == before
    placed = pq.read_table(tables / "batch_projection" / "tuesday.2.parquet")
    assert placed["id"].to_pylist() == ids.tolist()
    assert placed["class_label"].to_pylist() == mended.labels.tolist()
