"""Where the checkout is, for tests that start processes in it or read its files."""

from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
