"""Which tests are slow, and the two sizes of the reliability tests: brief in `make test-all`, long in `make soak`.

Scope: how a test learns its size, and where it reports figures. SECURITY.md quotes them.
"""

import os
from collections.abc import Callable

import hypothesis
import pytest

_FIGURES = pytest.StashKey[list[str]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--soak", action="store_true", help="the tests marked soak in their long form, for hours")


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_FIGURES] = []
    _ask_this_machine_directly()
    examples = 2_000 if config.getoption("--soak") else 50
    hypothesis.settings.register_profile(
        "here", max_examples=examples, derandomize=True, deadline=None, database=None
    )
    hypothesis.settings.load_profile("here")


def _ask_this_machine_directly() -> None:
    """The servers that tests start are not behind the proxy that the environment may name."""
    for name in ("no_proxy", "NO_PROXY"):
        os.environ[name] = ",".join(filter(None, [os.environ.get(name), "127.0.0.1", "localhost"]))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What starts servers, Ray or strace is slow by nature."""
    for item in items:
        if any(item.get_closest_marker(name) for name in ("daemon", "s3", "ray", "strace")):
            item.add_marker(pytest.mark.slow)


@pytest.fixture
def trials(request: pytest.FixtureRequest) -> Callable[[int, int], int]:
    """Give how often to try: `trials(short, long)`."""
    return lambda short, long: long if request.config.getoption("--soak") else short


@pytest.fixture
def tell(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Take a figure that was seen, to be printed after all tests."""
    return request.config.stash[_FIGURES].append


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if config.stash[_FIGURES]:
        terminalreporter.section("figures")
        for figure in config.stash[_FIGURES]:
            terminalreporter.line(figure)
