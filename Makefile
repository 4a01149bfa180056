.DEFAULT_GOAL := help
.PHONY: help install style check test test-slow results docs notebooks hub wheel release

help: ## Show what each target does
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

install: ## Install in editable mode with everything a developer needs
	pip install -e ".[dev]"

style: ## Format and mend what can be mended
	ruff check --fix . && ruff format .

check: ## Lint, check the format and the types; changes nothing
	ruff check . && ruff format --check . && mypy

test: ## Run the tests that are fast and need no accelerator
	pytest

test-slow: ## Run the slow tests only
	pytest -m slow --timeout 1200 -n 0

results: ## Write the page of results and the marked tables from the raw results
	python examples/write_results.py

docs: ## Build the documentation into build/docs; a warning, or a figure without a source, is an error
	python examples/write_results.py --check
	NO_MKDOCS_2_WARNING=1 mkdocs build --strict

notebooks: ## Run the notebooks and keep what they show in them
	python examples/notebooks/execute.py

hub: ## Assemble the model folders of hub_cards into build/hub, with code, endpoint and card
	python examples/assemble_hub_folders.py

wheel: ## Build the wheel into dist/
	pip wheel --no-deps --wheel-dir dist .

release: ## Build wheel and sdist into dist/, and check what they hold and say
	rm -rf dist && python -m build
	twine check --strict dist/*
	check-wheel-contents dist/*.whl
	ls -l dist && ! find dist -size +60000000c | grep .  # PyPI takes 100 MB; ours stay below 60
