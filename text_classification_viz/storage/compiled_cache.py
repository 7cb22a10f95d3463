"""Machine code of the functions that numba compiles, kept for the next process, which then starts a second sooner.

Scope: where it is kept, and when it is not. What is compiled, the core says.

numba's own cache is of pickles that it reads unchecked, beside the source or wherever NUMBA_CACHE_DIR says. Who
may write there can run code here, a damaged file ends every run, and so does a user without a folder to write to.
This cache is in a folder that only the user can read, with the SHA-256 of each file in it. When anything is wrong
with it, the function is compiled in memory.
"""

import hashlib
import inspect
import logging
import os
import pickle
import platform
import stat
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any

OTHERS = stat.S_IRWXG | stat.S_IRWXO
DIGEST_SIZE = hashlib.sha256().digest_size


def keep_compiled(function: Any, log: logging.Logger) -> None:
    """Let a function of numba's find its machine code in the user's cache, and leave it there once compiled.

    Parameters
    ----------
    function
        What `numba.njit` gave.
    log
        Where it says that nothing is kept, and why.
    """
    if function.signatures:  # it has been compiled, or found, in this process
        return
    try:
        function._cache = _CompiledCache(function.py_func, _private_folder(), log)
    except (OSError, RuntimeError) as error:  # RuntimeError: the user has no home at all
        log.info(f"{function.__name__}: compiled in memory, for its code cannot be kept ({error})")


def _private_folder() -> Path:
    """The folder of this Python and this numba in the user's cache, made if need be.

    Raises
    ------
    OSError
        It cannot be made, or is not this user's alone.
    """
    import numba

    ours = Path.home() / ".cache" / "text_classification_viz"
    ours.parent.mkdir(parents=True, exist_ok=True)
    folder = ours / f"python-{platform.python_version()}-numba-{numba.__version__}"
    for made in (ours, folder):
        made.mkdir(mode=0o700, exist_ok=True)
        _check_private(made, made.lstat())
    return folder


def _check_private(path: Path, status: os.stat_result) -> None:
    """Raise PermissionError where it is a link, or others own it or have any right to it."""
    if stat.S_ISLNK(status.st_mode) or status.st_uid != os.geteuid() or status.st_mode & OTHERS:
        raise PermissionError(f"{path}: expected what only this user may read and write, found more; remove it")


class _CompiledCache:
    """What numba asks for machine code, and gives it to; in place of `numba.core.caching.FunctionCache`.

    A file holds the code of one function for one signature and processor: its SHA-256, then a pickle of numba's.
    """

    def __init__(self, function: Any, folder: Path, log: logging.Logger) -> None:
        self._name = function.__name__
        # The constants of its module are compiled into it.
        self._source = Path(inspect.getfile(function)).read_bytes()
        self._folder = folder
        self.cache_path = str(folder)  # of which `stats` of the function tells
        self._log = log

    def load_overload(self, signature: Any, target_context: Any) -> Any:
        """Give what was compiled for the signature; None if nothing was, or if that is damaged, and then goes."""
        from numba.core.compiler import CompileResult

        target_context.refresh()
        path = self._path(signature, target_context.codegen())
        try:
            return CompileResult._rebuild(target_context, *pickle.loads(_read(path)))
        except FileNotFoundError:
            return None
        except Exception as error:  # whatever numba raises; a map is not to fail for it
            self._log.info(f"{self._name}: compiled anew, for what was kept cannot be used ({error})")
            with suppress(OSError):
                path.unlink()
            return None

    def save_overload(self, signature: Any, compiled: Any) -> None:
        """Keep what was compiled for the signature."""
        from numba.core.serialize import dumps

        try:
            _write(self._path(signature, compiled.codegen), dumps(compiled._reduce()))
        except Exception as error:  # as above: a full disk, or a numba that has changed
            self._log.info(f"{self._name}: compiled in memory, for its code cannot be kept ({error})")

    def _path(self, signature: Any, codegen: Any) -> Path:
        made_for = repr((str(signature), codegen.magic_tuple())).encode()
        return self._folder / f"{self._name}-{hashlib.sha256(made_for + self._source).hexdigest()}"


def _read(path: Path) -> bytes:
    """Read a kept file that only this user can have written, and that is whole.

    Raises
    ------
    OSError
        It is not there, not private, or damaged.
    """
    with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:
        _check_private(path, os.fstat(file.fileno()))
        digest, content = file.read(DIGEST_SIZE), file.read()
    if hashlib.sha256(content).digest() != digest:
        raise OSError(f"{path}: it is damaged")
    return content


def _write(path: Path, content: bytes) -> None:
    """Write a file that appears whole; `mkstemp` makes it this user's alone."""
    descriptor, name = tempfile.mkstemp(dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(hashlib.sha256(content).digest() + content)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink()
        raise
