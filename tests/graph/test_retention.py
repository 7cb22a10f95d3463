"""Old runs go with all that is theirs, and what the catalog tells of the present stays."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.storage.runs.schema import RunsTable

from text_classification_viz import retention
from text_classification_viz.retention import retention_job

DAY = 24 * 3_600
KEEP_DAYS = 30


@dg.asset
def first() -> dg.MaterializeResult:
    print("first is made")
    return dg.MaterializeResult(metadata={"rows": 7})


@dg.asset
def second() -> None:
    pass


@dg.asset
def failing() -> None:
    raise ValueError


@dg.asset(partitions_def=dg.StaticPartitionsDefinition(["north", "south"]))
def by_region() -> None:
    pass


@dg.observable_source_asset
def observed() -> dg.DataVersion:
    return dg.DataVersion("1")


@dg.asset_check(asset=first)
def first_is_right() -> dg.AssetCheckResult:
    return dg.AssetCheckResult(passed=True, metadata={"looked_at": 7})


@dg.job
def endless() -> None:
    pass


FIRST, SECOND = first.key, second.key
CHECK = first_is_right.check_key
DEFINITIONS = dg.Definitions(assets=[first, second, failing, by_region, observed], asset_checks=[first_is_right])


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    (tmp_path / "dagster.yaml").write_text("telemetry: {enabled: false}")
    with dg.DagsterInstance.from_config(str(tmp_path)) as instance:
        yield instance


def run(
    instance: dg.DagsterInstance, age_days: float, selection: dg.AssetSelection, partition: str | None = None
) -> str:
    """Make the selected assets in a run that ended `age_days` ago, and give its id."""
    job = dg.define_asset_job("job", selection, executor_def=dg.in_process_executor)
    repository = dg.Definitions(DEFINITIONS.assets, jobs=[job], asset_checks=DEFINITIONS.asset_checks)
    result = repository.resolve_job_def("job").execute_in_process(
        instance=instance, partition_key=partition, raise_on_error=False
    )
    return aged(instance, result.run_id, age_days)


def aged(instance: dg.DagsterInstance, run_id: str, age_days: float) -> str:
    """Shift a run into the past, which no public method does."""
    then = datetime.now(UTC) - timedelta(days=age_days)
    ended = {"end_time": then.timestamp()} if instance.get_run_by_id(run_id).is_finished else {}
    with instance.run_storage.connect() as connection:
        connection.execute(
            RunsTable.update()
            .where(RunsTable.c.run_id == run_id)
            .values(create_timestamp=then.replace(tzinfo=None), **ended)
        )
    return run_id


def later_try(
    instance: dg.DagsterInstance,
    of: str,
    age_days: float,
    status: dg.DagsterRunStatus = dg.DagsterRunStatus.FAILURE,
) -> str:
    """Try a run again, as `dg.execute_job` does with options of re-execution, and give the id of the new one."""
    again = instance.create_run_for_job(
        endless, status=status, parent_run_id=of, root_run_id=instance.get_run_by_id(of).root_run_id or of
    )
    return aged(instance, again.run_id, age_days)


def remove_old_runs(instance: dg.DagsterInstance, keep_days: float = KEEP_DAYS) -> None:
    retention_job.execute_in_process(
        instance=instance, run_config={"ops": {"remove_old_runs": {"config": {"keep_days": keep_days}}}}
    )


def runs(instance: dg.DagsterInstance) -> set[str]:
    """Ids of all runs, but for those of the retention itself."""
    return {run.run_id for run in instance.get_runs() if run.job_name != retention_job.name}


def only(*assets: dg.AssetsDefinition) -> dg.AssetSelection:
    return dg.AssetSelection.assets(*assets).without_checks()


def test_old_runs_go_unless_what_they_made_or_checked_is_still_the_latest(instance):
    superseded = run(instance, 90, dg.AssetSelection.assets(first, second))
    made_first = run(instance, 80, dg.AssetSelection.assets(first))
    failed = run(instance, 70, only(failing))
    checked_first = run(instance, 60, dg.AssetSelection.checks(first_is_right))
    superseded_too = run(instance, 50, only(second))
    made_second = run(instance, 40, only(second))
    failed_lately = run(instance, KEEP_DAYS - 1, only(failing))
    assert runs(instance) == {
        superseded, made_first, failed, checked_first, superseded_too, made_second, failed_lately
    }  # fmt: skip
    remove_old_runs(instance)
    assert runs(instance) == {made_first, checked_first, made_second, failed_lately}


def test_run_that_has_not_ended_stays_however_old_it_is(instance):
    waiting, running = (
        aged(instance, instance.create_run_for_job(endless, status=status).run_id, 1_000)
        for status in (dg.DagsterRunStatus.NOT_STARTED, dg.DagsterRunStatus.STARTED)
    )
    remove_old_runs(instance)
    assert runs(instance) == {waiting, running}


def test_long_run_counts_from_its_end(instance):
    superseded, _ = (run(instance, age, only(second)) for age in (90, 80))
    with instance.run_storage.connect() as connection:
        connection.execute(
            RunsTable.update().where(RunsTable.c.run_id == superseded).values(end_time=time.time() - DAY)
        )
    remove_old_runs(instance)
    assert superseded in runs(instance)


def test_catalog_tells_the_same_of_the_present_and_no_longer_of_the_past(instance):
    for age in (90, 80, 70):
        run(instance, age, dg.AssetSelection.assets(first, second))

    def present() -> list[object]:
        records = {record.asset_entry.asset_key: record for record in instance.get_asset_records([FIRST, SECOND])}
        return [
            instance.get_latest_materialization_event(FIRST),
            instance.get_latest_materialization_event(SECOND),
            records[FIRST].asset_entry.last_materialization_record,
            instance.event_log_storage.get_latest_asset_check_execution_by_key([CHECK]),
        ]

    before = present()
    assert len(instance.fetch_materializations(FIRST, limit=10).records) == 3
    remove_old_runs(instance)
    assert present() == before
    (latest,) = instance.fetch_materializations(FIRST, limit=10).records
    assert latest.asset_materialization.metadata["rows"].value == 7
    assert latest.event_log_entry.run_id in runs(instance)


def test_run_that_cannot_be_removed_keeps_no_other_and_is_told(instance, monkeypatch):
    stuck, removable, latest = (run(instance, age, only(second)) for age in (90, 80, 70))
    genuine = retention._remove

    def refuse(of: dg.DagsterInstance, run_id: str) -> None:
        if run_id == stuck:
            raise PermissionError(1, "Operation not permitted")
        genuine(of, run_id)

    monkeypatch.setattr(retention, "_remove", refuse)
    with pytest.raises(dg.Failure, match="expected to remove 2 old runs, found 1 that cannot"):
        remove_old_runs(instance)
    assert runs(instance) == {stuck, latest}
    assert removable not in runs(instance)


def test_latest_observation_stays(instance):
    before, latest = (run(instance, age, dg.AssetSelection.assets(observed.key)) for age in (90, 80))
    remove_old_runs(instance)
    assert runs(instance) == {latest}
    assert before != latest
    (record,) = instance.fetch_observations(observed.key, limit=5).records
    assert record.event_log_entry.run_id == latest


def test_runs_of_which_a_kept_one_is_a_later_try_stay(instance):
    first_try = run(instance, 90, only(failing))
    second_try = run(instance, 80, only(second))
    with instance.run_storage.connect() as connection:
        body = instance.get_run_by_id(second_try)._replace(root_run_id=first_try, parent_run_id=first_try)
        connection.execute(
            RunsTable.update().where(RunsTable.c.run_id == second_try).values(run_body=dg.serialize_value(body))
        )
    remove_old_runs(instance)
    assert runs(instance) == {first_try, second_try}
    assert instance.get_run_group(second_try)


@pytest.mark.parametrize(
    ("age_days", "status"),
    [(KEEP_DAYS - 1, dg.DagsterRunStatus.FAILURE), (60, dg.DagsterRunStatus.STARTED)],
    ids=["young", "not ended"],
)
def test_runs_of_which_one_that_stays_for_its_age_is_a_later_try_stay(instance, age_days, status):
    other = run(instance, 95, only(failing))
    tries = [run(instance, 90, only(failing))]
    for age in (80, 70):
        tries.append(later_try(instance, tries[-1], age))
    tries.append(later_try(instance, tries[-1], age_days, status))
    remove_old_runs(instance)
    assert other not in runs(instance)
    assert runs(instance) == set(tries)
    root, _ = instance.get_run_group(tries[-1])
    assert root == tries[0]


def test_tries_all_of_which_are_old_go(instance):
    later_try(instance, later_try(instance, run(instance, 90, only(failing)), 80), 70)
    remove_old_runs(instance)
    assert not runs(instance)


def test_each_partition_keeps_its_latest(instance):
    north, south = (
        run(instance, age, only(by_region), partition) for age, partition in ((90, "north"), (80, "south"))
    )
    north_again = run(instance, 70, only(by_region), "north")
    remove_old_runs(instance)
    assert runs(instance) == {south, north_again}
    assert instance.get_materialized_partitions(by_region.key) == {"north", "south"}
    assert north not in runs(instance)


def test_asset_that_was_wiped_from_the_catalog_keeps_no_run(instance):
    run(instance, 90, dg.AssetSelection.assets(second))
    instance.wipe_assets([SECOND])
    remove_old_runs(instance)
    assert not runs(instance)


def test_files_of_a_run_go_with_it(instance, tmp_path):
    superseded, kept = (run(instance, age, only(first)) for age in (90, 80))
    assert {path.name for path in files_of(tmp_path, superseded)} >= {superseded, f"{superseded}.db"}
    remove_old_runs(instance)
    assert not files_of(tmp_path, superseded)
    assert {path.name for path in files_of(tmp_path, kept)} >= {kept, f"{kept}.db"}


def files_of(home: Path, run_id: str) -> list[Path]:
    return [path for path in home.rglob("*") if path.name.startswith(run_id)]


def test_again_changes_nothing(instance):
    for age in (90, 80, 5):
        run(instance, age, dg.AssetSelection.assets(first, second))
    remove_old_runs(instance)
    after = runs(instance)
    remove_old_runs(instance)
    assert runs(instance) == after


@pytest.mark.slow
def test_database_uses_the_space_of_what_is_gone_again(instance, tmp_path):
    """SQLite keeps its file as large as it was, and fills it again: it does not grow with the number of runs."""

    def after_runs() -> int:
        for _ in range(5):
            run(instance, 90, only(first, second))
        remove_old_runs(instance)
        with instance.event_log_storage.index_connection() as connection:
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
        return (tmp_path / "history" / "runs" / "index.db").stat().st_size

    after_runs()
    first_size, *_, last_size = [after_runs() for _ in range(3)]
    assert last_size <= first_size + 8_192  # two pages, for what is not packed the same way each time
