"""Every benchmark can be loaded: they run too rarely to find out then."""

import importlib
import pkgutil

import pytest

import benchmarks


@pytest.mark.parametrize("name", [module.name for module in pkgutil.iter_modules(benchmarks.__path__)])
def test_benchmark_is_importable(name):
    importlib.import_module(f"benchmarks.{name}")
