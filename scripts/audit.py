"""Known holes in what requirements.lock names, by pip-audit. Fails for findings, not for a missing network."""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def main() -> int:
    """1 when a locked package has a known hole."""
    command = [
        str(ROOT / ".venv" / "bin" / "pip-audit"), "--requirement", "requirements.lock", "--require-hashes",
        "--disable-pip", "--format", "json", "--progress-spinner", "off", "--timeout", "15",
    ]  # fmt: skip
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    try:
        packages = json.loads(done.stdout)["dependencies"]
    except (ValueError, KeyError):
        reason = (done.stderr.strip().splitlines() or ["no answer"])[-1][:160]
        print(f"pip-audit could not ask its service, so known holes were not looked for: {reason}")
        return 0
    holes = [f"{p['name']} {p['version']}: {hole['id']}" for p in packages for hole in p.get("vulns", [])]
    print("\n".join(holes) or f"pip-audit: {len(packages)} packages, no known hole")
    return int(bool(holes))


if __name__ == "__main__":
    sys.exit(main())
