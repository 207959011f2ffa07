"""What a project's own conftest.py holds; the installed plugin needs none of it.

It names no `pytest_plugins`: where the suite of this folder is run from another project, pytest allows that in the root
of that project alone.
"""
