"""Check that the committed OpenAPI documents are what the services describe today.

The app's client types are generated from them: with a stale document the app would be checked against an
interface that no longer exists.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
COMMITTED = ROOT / "frontend" / "openapi"
DOCUMENTS = ("issuer.json", "api.json")


def main() -> int:
    """Write the documents to a temporary folder and compare their content with the committed ones."""
    stale: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sys.executable, "-m", "paseport_standalone.openapi", folder], check=True, cwd=ROOT)
        for name in DOCUMENTS:
            committed = COMMITTED / name
            current = json.loads((Path(folder) / name).read_text())
            if not committed.exists() or json.loads(committed.read_text()) != current:
                stale.append(f"frontend/openapi/{name} is stale: run `make openapi` and commit it")
    for line in stale:
        print(line, file=sys.stderr)
    print(f"OpenAPI documents: {len(stale)} stale")
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
