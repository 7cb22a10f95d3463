"""One HTML file of many sources, which may run its own scripts and nothing else.

Scope: joining our modules, taking DataTables from the package that carries it, and the policy that the
browser holds the page to. What a page shows is not known here.

An inline module cannot import its siblings, and a file opened from disk cannot load them. So each of our modules,
a plain ES module on disk, becomes a function that runs once and returns what the module exports; they stand in
the order in which they import each other. Two lines of syntax are rewritten for that, and their form is fixed:
`import { a, b } from "./name.js";` and `export` before `function`, `async function`, `class` or `const`.
"""

import base64
import hashlib
import html
import re
from importlib.util import find_spec
from pathlib import Path
from string import Template

from text_classification_viz.core.errors import InputError

WEB = Path(__file__).with_name("web")
_IMPORT = re.compile(r'^import \{ ([\w, ]+) \} from "\./(\w+)\.js";$', re.MULTILINE)
_EXPORT = re.compile(r"^export (?=(?:async function|function|class|const) (\w+))", re.MULTILINE)
_BUNDLE_EXPORT = re.compile(r"\bexport\{[^}]*?\b([\w$]+) as jQuery\b[^}]*\}")
# Sequences that change how HTML reads a script. They occur in strings and regular expressions alone, where \x3C
# is the same character.
_HTML_IN_SCRIPT = re.compile(r"<(?=!--|/?script)", re.IGNORECASE)


def join_modules(entry: str, folder: Path = WEB) -> str:
    """The module `entry` and all that it imports as one script, in which `modules.<name>` holds the exports."""
    joined: dict[str, str] = {}

    def add(name: str) -> None:
        source = (folder / f"{name}.js").read_text(encoding="utf-8")
        for _, imported in _IMPORT.findall(source):
            if imported not in joined:
                add(imported)
        body = _EXPORT.sub("", _IMPORT.sub(r"const { \1 } = modules.\2;", source))
        exports = ", ".join(_EXPORT.findall(source))
        joined[name] = f"modules.{name} = (() => {{\n{body}\nreturn {{ {exports} }};\n}})();\n"

    add(entry)
    return "const modules = {};\n" + "".join(joined.values())


def datatables_script() -> str:
    """DataTables with its extensions, as the package itables bundles it; it defines `DataTable`.

    Raises
    ------
    InputError
        The package's bundle is not of the form known here.
    """
    package = find_spec("itables")  # found and not imported: that takes a second, for one file
    assert package is not None and package.origin is not None, "itables is a dependency"
    path = Path(package.origin).with_name("html") / "dt_bundle.js"
    script, n_exports = _BUNDLE_EXPORT.subn(
        r"globalThis.DataTable=\1.fn.dataTable;", path.read_text(encoding="utf-8")
    )
    if n_exports != 1:
        raise InputError(
            f"{path}: expected one export of jQuery, found {n_exports}; install the version of constraints.txt"
        )
    return script


def single_file(
    template: str, *, style: str, scripts: dict[str, str], data: str, data_key: str, title: str
) -> str:
    """Fill the template; only the style and the scripts given here may act in the page, and nothing may be loaded.

    Parameters
    ----------
    template
        HTML with the fields $policy, $title, $style, $data, $data_key, and those that `scripts` names.
    style, scripts
        CSS, and JavaScript by field.
    data
        JSON.
    data_key
        Letters and digits.
    title
        Text.
    """
    safe_scripts = {name: _HTML_IN_SCRIPT.sub(r"\\x3C", script) for name, script in scripts.items()}
    policy = "; ".join(
        [
            "default-src 'none'",
            f"script-src {' '.join(map(_source_of, safe_scripts.values()))}",
            f"style-src {_source_of(style)}",
            "img-src data:",
            "connect-src 'none'",
            "base-uri 'none'",
            "form-action 'none'",
        ]
    )
    return Template(template).substitute(
        policy=policy,
        title=html.escape(title),
        style=style,
        data=data.replace("<", r"\u003c"),
        data_key=data_key,
        **safe_scripts,
    )


def _source_of(content: str) -> str:
    """What a content security policy calls an inline script or style: its hash."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()}'"
