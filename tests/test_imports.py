"""What the import contracts in pyproject.toml cannot say: no list names every library there is."""

import sys

import grimp
import pytest

PACKAGES = ("ledger", "projections", "api", "infra")


@pytest.fixture(scope="module")
def graph() -> grimp.ImportGraph:
    return grimp.build_graph(*PACKAGES, include_external_packages=True, cache_dir=None)


@pytest.mark.parametrize("package", ["ledger", "projections"])
def test_the_pure_packages_import_the_standard_library_alone(
    graph: grimp.ImportGraph, package: str
) -> None:
    foreign = {
        f"{module} imports {imported}"
        for module in graph.modules
        if module.split(".")[0] == package
        for imported in graph.find_modules_directly_imported_by(module)
        if imported.split(".")[0] not in {*PACKAGES, *sys.stdlib_module_names}
    }
    assert foreign == set()
