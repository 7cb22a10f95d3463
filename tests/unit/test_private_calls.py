"""Private parts of libraries that the product uses: when one goes, its test says what to do."""

import importlib.resources

import pytest


def test_torch_multiplies_int8():
    import torch

    assert hasattr(torch, "_int_mm"), (
        "torch._int_mm is gone: find the public product of int8 matrices that takes its place and call it in "
        "core/neighbors/products.py, or let int8_serves() there say no, which is slower and as right"
    )
    codes = torch.arange(-60, 68, dtype=torch.int8).reshape(8, 16)
    assert torch.equal(torch._int_mm(codes, codes.T.contiguous()), codes.int() @ codes.int().T)


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("dagster._core.storage.asset_check_execution_record", "COMPLETED_ASSET_CHECK_EXECUTION_RECORD_STATUSES"),
        ("dagster._core.storage.event_log", "SqliteEventLogStorage"),
    ],
)
def test_dagster_has_what_retention_asks_for(module, name):
    imported = __import__(module, fromlist=[name])
    assert hasattr(imported, name), (
        f"{module}.{name} is gone: look where Dagster has moved it and mend text_classification_viz/retention.py"
    )


def test_dagster_gives_the_history_of_checks_to_retention():
    import dagster as dg

    with dg.DagsterInstance.ephemeral() as instance:
        assert hasattr(instance.event_log_storage, "get_asset_check_execution_history"), (
            "retention.py asks the event log for the last evaluation of a check: find Dagster's new way"
        )


@pytest.mark.parametrize(
    "name",
    [
        "vz-projector",
        "dataPanel",
        "publish-container",
        "projectionsPanel",
        "disablePolymerChangesTriggerReprojection",
        "bookmarkPanel",
        "hasStates",
        "loadSavedState",
        "setSelectionState",
    ],
)
def test_tensorboard_projector_has_the_names_that_the_page_uses(name):
    from text_classification_viz.views.projector.page import SCRIPT

    script = (importlib.resources.files("tensorboard.plugins.projector") / SCRIPT).read_text(encoding="utf-8")
    assert name in script, (
        f"TensorBoard's projector has no {name!r}: open its page, look up the new name, and mend "
        "views/projector/page.py; tests/system/test_projector_page.py shows in a browser what works"
    )
