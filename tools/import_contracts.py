"""A contract type for import-linter: a list of all that some modules may import, everything else being forbidden.

The contract types that come with import-linter name what is forbidden; a driver added next year would be missing from
such a list and pass. Here it fails until somebody decides that it belongs.
"""

import sys
from typing import cast

from grimp import ImportGraph
from importlinter import Contract, ContractCheck, fields, output
from importlinter.domain.helpers import module_expressions_to_modules
from importlinter.domain.imports import ModuleExpression


class OnlyImportsContract(Contract):
    """The `modules` (with all they contain) import the standard library, themselves and `allowed`, and nothing else.

    - modules: each of them, and everything inside, is checked; each may import its own inside.
    - allowed: modules or third-party packages that may be imported, with all they contain.

    Only direct imports count: what an allowed module imports is that module's affair and has a contract of its own.
    A name that matches no module of ours is an error, so that renaming a package cannot switch its contract off.
    """

    type_name = "only_imports"

    modules = fields.ListField(subfield=fields.ModuleExpressionField())
    allowed = fields.ListField(subfield=fields.ModuleExpressionField(), required=False)

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:
        """Compare every direct import with the lists."""
        # import-linter replaces each field by its parsed value, which its annotations do not say.
        sources = cast("list[ModuleExpression]", self.modules)
        permitted = cast("list[ModuleExpression] | None", self.allowed)
        allowed_names = {expression.expression for expression in permitted or ()}
        violations: list[dict[str, object]] = []
        for package in module_expressions_to_modules(graph, sources, raise_if_unmatched=True):
            inside = {package.name} | graph.find_descendants(package.name)
            for importer in sorted(inside):
                for imported in sorted(graph.find_modules_directly_imported_by(importer) - inside):
                    if not _is_allowed(imported, allowed_names):
                        violations.extend(
                            dict(detail) for detail in graph.get_import_details(importer=importer, imported=imported)
                        )
        return ContractCheck(kept=not violations, metadata={"violations": violations})

    def render_broken_contract(self, check: ContractCheck) -> None:
        """Print one line per import that is not on the list."""
        for violation in check.metadata["violations"]:
            output.print_error(
                f"{violation['importer']} -> {violation['imported']} (l.{violation['line_number']}) is not on the list",
                bold=True,
            )
            output.new_line()


def _is_allowed(imported: str, allowed: set[str]) -> bool:
    if imported.split(".", 1)[0] in sys.stdlib_module_names:
        return True
    return any(imported == name or imported.startswith(f"{name}.") for name in allowed)
