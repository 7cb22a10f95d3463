"""Runs whose process died: told from those that live, reported at the second look, and no others."""

import signal
import subprocess
import sys

import dagster as dg
import pytest

from tests.support.checkout import PROJECT
from text_classification_viz.crashed_runs import crashed_runs_sensor
from text_classification_viz.resources.run_locks import FOLDER, hold_run_lock, is_abandoned

HOLDER = """
import sys
from text_classification_viz.resources.run_locks import hold
hold(sys.argv[1])
print("held", flush=True)
sys.stdin.read()
"""


@dg.job
def some_job() -> None:
    """Never carried out."""


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    return tmp_path


@pytest.fixture
def instance(home):
    with dg.DagsterInstance.local_temp(str(home)) as instance:
        yield instance


def started_run(instance) -> str:
    run_id = instance.create_run_for_job(some_job).run_id
    start = dg.DagsterEvent(dg.DagsterEventType.RUN_START.value, "some_job")
    instance.report_dagster_event(start, run_id=run_id)
    return run_id


def holder_of(run_id: str) -> subprocess.Popen:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, run_id], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=PROJECT
    )
    assert process.stdout.readline() == b"held\n"
    return process


def look(instance, cursor):
    """One tick: what the sensor says, and its next cursor."""
    with dg.build_sensor_context(instance=instance, cursor=cursor) as context:
        return crashed_runs_sensor(context).skip_message, context.cursor


def status(instance, run_id) -> str:
    return instance.get_run_by_id(run_id).status.value


def test_a_killed_process_is_told_at_the_second_look(instance, home):
    dead, alive, unknown = (started_run(instance) for _ in range(3))
    with holder_of(dead) as killed, holder_of(alive) as living:
        assert not is_abandoned(home, dead)
        _, cursor = look(instance, None)
        killed.send_signal(signal.SIGKILL)
        killed.wait()
        said, cursor = look(instance, cursor)
        assert status(instance, dead) == "STARTED"
        assert "none has lost its process twice" in said
        said, cursor = look(instance, cursor)
        assert status(instance, dead) == "FAILURE"
        assert dead in said
        (event,) = instance.all_logs(dead, of_type=dg.DagsterEventType.RUN_FAILURE)
        assert "The process of this run is gone" in (event.user_message or event.message)
        # One that holds its lock, and one of which nothing is known, stay as they are.
        assert [status(instance, run) for run in (alive, unknown)] == ["STARTED", "STARTED"]
        look(instance, cursor)
        assert {file.name for file in (home / FOLDER).iterdir()} == {alive}
        living.kill()


def test_a_run_whose_lock_is_taken_again_is_left_alone(instance, home):
    run_id = started_run(instance)
    first = holder_of(run_id)
    first.kill()
    first.wait()
    _, cursor = look(instance, None)
    with holder_of(run_id) as second:
        _, cursor = look(instance, cursor)
        assert cursor == "[]"
        assert status(instance, run_id) == "STARTED"
        second.kill()


def test_without_a_home_nothing_is_looked_at(instance, monkeypatch):
    monkeypatch.delenv("DAGSTER_HOME")
    said, _ = look(instance, None)
    assert said.startswith("DAGSTER_HOME is not set")


def test_a_home_that_takes_no_lock_is_no_error(tmp_path, monkeypatch):
    from text_classification_viz.resources.run_locks import hold

    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "gone"))
    hold("some-run")
    assert not is_abandoned(tmp_path / "gone", "some-run")


@pytest.mark.parametrize(
    ("executor", "is_held"), [(dg.in_process_executor, True), (dg.multiprocess_executor, False)]
)
def test_lock_is_held_only_where_a_run_is_one_process(home, executor, is_held):
    class Step:
        run_id = f"run-under-{executor.name}"
        job_def = dg.GraphDefinition(name="empty").to_job(executor_def=executor)

    class Context:
        step_context = Step

    hold_run_lock(Context)
    assert (home / FOLDER / Step.run_id).exists() == is_held
