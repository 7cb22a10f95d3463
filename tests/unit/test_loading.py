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


def test_process_that_has_loaded_it_ends_without_another_search_for_cycles():
    # What was registered first is called last.
    code = "import atexit, gc; atexit.register(lambda: print(gc.get_freeze_count() > 0))\n"
    code += "import text_classification_viz.definitions; assert not gc.get_freeze_count()"
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert printed.stdout == "True\n"
