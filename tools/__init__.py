"""The commands behind the Makefile, for people with and without make.

``python -m tools book`` is ``make book``, and so on; see ``tools/__main__.py``.
"""
