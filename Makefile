# Thin names for `python -m tools COMMAND`; without make, use those.
PYTHON ?= $(shell command -v python3.11 || command -v python3)

.PHONY: book test lab lint clean store
book test lab lint clean store:
	@$(PYTHON) -m tools $@
