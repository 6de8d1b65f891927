"""One scene in a process of its own: `python -m bench.child SCENE '{"pages": 100}'` prints its figures as JSON."""

import importlib
import json
import os
import sys
import warnings


def main(scene: str, options: dict[str, object]) -> None:
    os.environ["DJANGO_SETTINGS_MODULE"] = "bench.settings"
    warnings.simplefilter("ignore")
    import django

    django.setup()
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    # Models can be imported from here on only.
    found = getattr(importlib.import_module("bench.scenes"), scene)(**options)
    print(json.dumps(found))


if __name__ == "__main__":
    main(sys.argv[1], json.loads(sys.argv[2]))
