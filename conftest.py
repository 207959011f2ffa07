"""What a project's own conftest.py holds; the installed plugin needs none of it."""

from __future__ import annotations

pytest_plugins = ["pytester"]
