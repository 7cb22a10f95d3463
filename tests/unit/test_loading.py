"""What loading imports: a code location that drags in torch and numba takes seconds to load, each time."""

import subprocess
import sys

HEAVY = ("torch", "umap", "numba", "faiss", "matplotlib", "openTSNE", "tensorboard", "sklearn", "scipy")


def modules_after(statement: str) -> set[str]:
    code = f"{statement}\nimport sys; print(*sys.modules)"
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(printed.stdout.split())


def test_code_location_loads_without_heavy_libraries():
    loaded = modules_after("from text_classification_viz.definitions import defs; defs.resolve_asset_graph()")
    assert "dagster" in loaded
    assert not loaded & set(HEAVY)


def test_demo_location_loads_without_heavy_libraries():
    loaded = modules_after("import text_classification_viz.demo.definitions")
    assert not loaded & {*HEAVY, "sentence_transformers", "transformers", "pandas"}


def test_core_loads_without_dagster_and_without_heavy_libraries():
    loaded = modules_after(
        "import pkgutil, importlib, text_classification_viz.core as core\n"
        "for module in pkgutil.walk_packages(core.__path__, core.__name__ + '.'):\n"
        "    importlib.import_module(module.name)"
    )
    assert "text_classification_viz.core.layouts.umap" in loaded
    assert not loaded & {*HEAVY, "dagster"}


def test_defs_come_from_the_package_itself():
    loaded = modules_after("from text_classification_viz import defs")
    assert "text_classification_viz.definitions" in loaded


IMPORT_ALL = """
import importlib, pkgutil, sys
def import_all():
    import text_classification_viz as package
    for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
        importlib.import_module(module.name)
"""


def test_importing_changes_nothing_in_the_process():
    # Everything that we import is there at the second time, so that what changes then is of our doing.
    code = IMPORT_ALL + (
        "import atexit, gc, logging, os, signal, threading\n"
        "def state():\n"
        "    handlers = [signal.getsignal(number) for number in signal.valid_signals()]\n"
        "    collector = gc.isenabled(), gc.get_threshold(), gc.get_freeze_count()\n"
        "    logger = logging.root.level, list(logging.root.handlers)\n"
        "    return atexit._ncallbacks(), collector, logger, handlers, dict(os.environ), threading.enumerate()\n"
        "import_all()\n"
        "ours = [name for name in sys.modules if name.split('.')[0] == 'text_classification_viz']\n"
        "for name in ours: del sys.modules[name]\n"
        "before = state(); import_all(); after = state()\n"
        "assert set(ours) <= set(sys.modules)\n"
        "assert before == after, (before, after)\n"
        "print(len(ours))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    assert int(run.stdout) > 100


def test_process_that_ran_a_step_ends_without_another_search_for_cycles(tmp_path):
    code = (
        "import atexit, sys; from pathlib import Path; import dagster as dg; import pyarrow as pa\n"
        "registered = []; register = atexit.register\n"
        "def note(function, *rest, **named):\n"
        "    registered.append(function); return register(function, *rest, **named)\n"
        "atexit.register = note\n"
        "from text_classification_viz.resources import ResultsIOManager\n"
        "import gc; before = registered.count(gc.freeze)\n"
        "one = dg.asset(name='one')(lambda: pa.table({'id': [1]}))\n"
        "two = dg.asset(name='two')(lambda: pa.table({'id': [2]}))\n"
        "dg.materialize([one, two], resources={'io_manager': ResultsIOManager(Path(sys.argv[1]))})\n"
        "print(before, registered.count(gc.freeze))"
    )
    run = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True)
    assert run.stdout == "0 1\n", run.stderr
