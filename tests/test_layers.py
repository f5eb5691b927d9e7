"""The arrows between the modules, checked against the imports.

A module that is not listed here has not decided what it may depend on.
"""

import ast
from pathlib import Path

ALLOWED = {
    "types": set(),
    "checks": set(),
    "devices": set(),
    "systems": {"types"},
    "systems_more": {"types", "systems"},
    "integrators": {"types", "checks"},
    "flows": {"types", "checks", "integrators"},
    "interpolation": {"checks"},
    "parareal": {"types", "checks", "flows"},
    "hits": {"types", "checks", "flows", "interpolation"},
    "level_selection": {"types", "hits"},
    "nets": {"types", "checks", "integrators"},
    "hamiltonian": {"types", "checks"},
    "discovery": {"types"},
    "approximation": {"nets"},
    "onsager": {"types"},
    "onsager_rivals": {"types", "checks", "onsager"},
    "pinn": {"types", "checks", "nets"},
    "balls": {"pinn"},
    "error_bounds": {"types", "checks", "balls", "pinn"},
    "data": {"types", "checks", "integrators"},
    "training": {"checks", "_least_squares"},
    "checkpoints": set(),
    "plotting": set(),
    "widgets": {"_stored_figures"},
    "_stored_figures": set(),
    "_least_squares": set(),
    "_answers": set(),
    "exercises": {"types", "_answers"},
    "exercises_flow_maps": {"types", "_answers"},
    "exercises_time_steppers": {"_answers"},
    "exercises_hybrid": {"_answers"},
    "exercises_symplectic": {"_answers"},
    "exercises_approximation": {"_answers"},
    "exercises_solvers": {"_answers"},
    "exercises_discovery": {"_answers"},
    "exercises_onsager": {"_answers"},
    "exercises_convection": {"_answers"},
    "claims": set(),
}
DRAWING = {"plotting", "widgets", "_stored_figures"}
PACKAGE = Path(__file__).parents[1] / "lecture_utils"


def imports(path):
    """Full names of everything a file imports, wherever the import stands."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            yield "." * node.level + (node.module or "")
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def test_modules_import_only_what_the_drawing_allows():
    paths = list(PACKAGE.glob("*[a-z].py"))
    assert {path.stem for path in paths} == set(ALLOWED)
    for path in paths:
        names = set(imports(path))
        inner = {n.split(".")[1] for n in names if n.startswith("lecture_utils.")}
        assert "lecture_utils" not in names, f"{path.name}: name the module"
        assert not any(n.startswith(".") for n in names), (
            f"{path.name}: relative import"
        )
        assert inner <= ALLOWED[path.stem], f"{path.name} imports {inner}"


def test_only_the_drawing_modules_need_a_drawing_library():
    for path in PACKAGE.glob("*[a-z].py"):
        libraries = {name.split(".")[0] for name in imports(path)}
        if path.stem not in DRAWING:
            assert not libraries & {"matplotlib", "ipywidgets"}, path.name


def test_the_package_itself_exports_nothing():
    tree = ast.parse((PACKAGE / "__init__.py").read_text())
    assert len(tree.body) == 1 and ast.get_docstring(tree)
