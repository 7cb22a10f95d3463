"""What coverage-guided fuzzing calls: `python -m tests.support.fuzz_target CORPUS -max_total_time=600`.

Scope: from the fuzzer's bytes to a form and a file. The first byte chooses the form.
"""

import sys
import tempfile
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["text_classification_viz"]):
    from tests.support.mutants import genuine
    from tests.support.reader_verdict import FORMS, judge, warm_up


def main(folder: Path) -> None:
    """Fuzz until libFuzzer's options say to end, or a defect is found, whose file it keeps."""
    warm_up(genuine(), folder)

    def target(data: bytes) -> None:
        if data:
            judge(FORMS[data[0] % len(FORMS)], data[1:], folder)

    atheris.Setup(sys.argv, target)
    atheris.Fuzz()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as name:
        main(Path(name))
