"""`keras-t2i models`: what can be trained, and what is trained already."""

import json

from keras_t2i.cli.methods import METHODS
from keras_t2i.cli.methods import method_class
from keras_t2i.cli.parsing import add_verb
from keras_t2i.cli.quiet import load_tensorflow


def add_arguments(verbs):
    add_verb(
        verbs,
        "models",
        run,
        "list the methods, their variants, and the presets with weights",
        "  keras-t2i models",
    )


def run(arguments):
    load_tensorflow()
    print("Methods (keras-t2i train METHOD) and variants (--variant):")
    for name in METHODS:
        cls = method_class(name)
        print(f"  {name:<24}{cls.__name__}: {cls.__doc__.splitlines()[0]}")
        default = cls.variants["default"]
        for variant, settings in cls.variants.items():
            changes = settings.items() - default.items()
            changed = ", ".join(f"{k}={v!r}" for k, v in sorted(changes))
            print(f"    {variant:<22}{changed or 'the settings by default'}")
    print("Presets (keras-t2i generate --preset NAME):")
    for line in _presets():
        print(f"  {line}")


def _presets():
    from keras_t2i.models import presets

    for name in presets.shipped_names():
        metadata = presets.find(name) / presets.METADATA
        facts = json.loads(metadata.read_text("utf-8"))
        keys = ("method", "data", "image_size", "steps")
        known = ", ".join(f"{k} {facts[k]}" for k in keys if k in facts)
        yield f"{name:<24}{known}"
