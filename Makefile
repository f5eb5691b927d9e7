# Thin names for `python -m tools COMMAND`; without make, use those.
PYTHON ?= $(shell command -v python3.11 || command -v python3)

COMMANDS = book test test-all offline pdf lab lint clean store coursework grade reproduce

.PHONY: $(COMMANDS)
$(COMMANDS):
	@$(PYTHON) -m tools $@
