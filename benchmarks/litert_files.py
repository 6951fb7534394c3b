"""Files for LiteRT of all presets: size, speed, and how near to Keras.

    python benchmarks/litert_files.py --out DIR

One picture of one caption, whose features are given to both sides: `draw` of
the model, a compiled function (`generate` of a StyleGAN2), against the
signature `generate_rgba` with two threads. The largest difference is that of
`generate`, in [-1, 1], over a few captions; SSIM is the mean over them.

Of a face editor, whose file holds `face_locator_64` too, multiply-adds and
milliseconds are those of `encode`, `edit` and `synthesize` together, as the
exporter measures them; difference, in levels of 255, and SSIM are of
`synthesize`. `--untrained-editor 128` measures one of that size that was not
trained, which changes its pictures and not its time.
"""

import argparse
import pathlib
import tempfile

import numpy as np
import timing

from keras_t2i import export
from keras_t2i import models
from keras_t2i.models import presets
from keras_t2i.models.text_to_image import TextToImageModel
from keras_t2i.training.latents import row_latents

CAPTION = "a purple flower with yellow stamen"
LOCATOR = "face_locator_64"
FORMS = {None: "float32", "float16": "float16", "int8": "int8"}


def sides(model, path):
    """The two ways to one picture, callables without arguments."""
    loaded = export.LiteRTModel(path)
    if isinstance(model, models.StyleGAN2):
        latents = row_latents(7, [0], model.settings["latent_width"])
        truncation = np.ones((1, 1), "float32")
        return {
            "keras": lambda: model.generate(1, seed=7),
            "litert": lambda: loaded.run(
                "generate_rgba", latents=latents, truncation=truncation
            ),
        }
    latents = model.latents_for(1, seed=7)
    features = model.text_encoder.encode([CAPTION])
    inputs = {
        "latents": latents,
        "sentence": features.sentence,
        "words": features.words[:, : model.drawn_words],
        "mask": features.mask[:, : model.drawn_words],
    }
    takes = loaded.metadata["signatures"]["generate_rgba"]["inputs"]
    inputs = {name: inputs[name] for name in takes}
    return {
        "keras": lambda: model.draw(latents, features),
        "litert": lambda: loaded.run("generate_rgba", **inputs),
    }


def rows(name, model, folder, rounds):
    """A row of the table for each form of a preset."""
    for form, form_name in FORMS.items():
        path = folder / f"{name}.{form_name}.tflite"
        report = export.to_litert(model, path, form)
        seconds = timing.interleaved(sides(model, path), rounds)
        found = report.signatures["generate"]
        wall, cpu = (k / f for k, f in zip(*seconds.values()))
        yield (
            f"| `{name}` | {form_name} | {report.size / 1e6:.2f} | "
            f"{found.multiply_adds / 1e6:.0f} | "
            f"{1e3 * seconds['litert'][0]:.1f} | {wall:.1f}x / {cpu:.1f}x | "
            f"{found.difference:.1g} | {found.ssim:.4f} |"
        )


def editor_rows(name, editor, folder):
    """The same of a `TextFaceEditor`, without a ratio."""
    for form, form_name in FORMS.items():
        path = folder / f"{name}.{form_name}.tflite"
        report = export.to_litert(editor, path, form, LOCATOR)
        parts = [report.signatures[n] for n in ("encode", "edit", "synthesize")]
        yield (
            f"| `{name}` | {form_name} | {report.size / 1e6:.2f} | "
            f"{sum(p.multiply_adds for p in parts) / 1e6:.0f} | "
            f"{sum(p.milliseconds for p in parts):.1f} | | "
            f"{parts[-1].difference:.1g} | {parts[-1].ssim:.4f} |"
        )


def untrained_editor(image_size):
    """A `TextFaceEditor` built as `faces_64` is, of another size."""
    seen = presets.arguments("face_features_64", models.FaceFeatures)
    features = models.FaceFeatures(**{**seen, "image_size": image_size})
    generator = models.StyleGAN2(image_size, "efficient")
    # Zeros, of noise and biases before training, would be left out of a file.
    random = np.random.default_rng(0)
    for variable in generator.synthesis_ema.weights:
        if not np.any(variable):
            variable.assign(0.1 * random.normal(size=variable.shape))
    editor = models.TextFaceEditor(generator=generator, features=features)
    known = models.from_preset("faces_64").phrases
    editor.collect([[phrase] for phrase in known])
    return editor


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--out", help="folder that keeps the files")
    parser.add_argument("--presets", nargs="+", help="default: all that draw")
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--untrained-editor", type=int, metavar="PIXELS")
    arguments = parser.parse_args()
    print("| preset | form | MB | million multiply-adds | ms | ", end="")
    print("faster than `draw` (wall / CPU) | largest difference | SSIM |")
    print("|---|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(arguments.out or temporary)
        if size := arguments.untrained_editor:
            name = f"untrained_{size}"
            for row in editor_rows(name, untrained_editor(size), folder):
                print(row, flush=True)
            return
        for name in arguments.presets or models.preset_names():
            model = models.from_preset(name)
            if isinstance(model, models.TextFaceEditor):
                found = editor_rows(name, model, folder)
            elif isinstance(model, (TextToImageModel, models.StyleGAN2)):
                found = rows(name, model, folder, arguments.rounds)
            else:
                continue
            for row in found:
                print(row, flush=True)


if __name__ == "__main__":
    main()
