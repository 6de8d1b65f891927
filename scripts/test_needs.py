"""Say, in one line, which programs the tests would use and this machine does not have."""

import shutil
import sys

NEEDS = {
    "chromium": ("browser tests", ("chromium", "chromium-browser", "google-chrome")),
    "jq": ("the scripts' tests", ("jq",)),
    "curl": ("the scripts' tests", ("curl",)),
}


def main() -> None:
    """Print the line, if there is anything to say; the tests that need what is missing skip themselves."""
    missing = {package: why for package, (why, names) in NEEDS.items() if not any(map(shutil.which, names))}
    if missing:
        reasons = ", ".join(f"{package} for {why}" for package, why in missing.items())
        command = "brew install" if sys.platform == "darwin" else "apt-get install"
        print(f"Skipped without {reasons}: {command} {' '.join(missing)}")


if __name__ == "__main__":
    main()
