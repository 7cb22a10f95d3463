"""A change of what others rely on shows in review as a change of one file."""

from tests.support.contract import CONTRACT, as_text, contract


def test_contract_is_the_accepted_one():
    assert as_text(contract()) == CONTRACT.read_text(), (
        "Assets, checks, jobs, schedules, sensors or columns changed. If that is intended, run "
        "`.venv/bin/python -m tests.support.contract` and say in CHANGELOG.md what a consumer does."
    )
