"""What face editors make of words, as pictures and as a table.

    python examples/face_edit_sheets.py --preset faces_64 --judge JUDGE \\
        --out sheets

For each preset a sheet `PRESET.png`, eight faces before and after each text,
and for each text a row of a table. Faces are drawn, so that sheets can be
shown. The judge is a `FaceFeatures` that had no part in the training of the
editor (other network, other persons). Of the faces that lack what the text
names, as the judge sees it,

- `present` is the share that has it after the edit;
- `kept`, of all other attributes that the text leaves alone, the share of
  those that the judge decides as before;
- `same person` the mean cosine of the judge's vectors of both pictures;
- `own captioner` the share in whose caption the editor's own captioner names
  it. Where this is high and `present` low, the editor and its captioner have
  agreed on a sign of their own.

With `--data FACES` a last line tells what the cosine is for two photographs of
one person and of two; and with `--photographs N` as many of them, which were
held out, are found among what the generator draws, in `--steps` steps, and
edited too. Before then means the picture that was found. No sheet is made of
them. With `--captioner PRESET`, an `ImageCaptioner` that learned from real
faces, a line for each preset tells how often it picks, out of ten captions of
`FACES`, the one by which a face was edited, and how often the editor's own
captioner does (chance is 0.1). Where the own one reads much more than the one
of real faces, the texts mean something to the two of them alone.
"""

import argparse
import json
import pathlib
import re

import numpy as np

import keras_t2i
from keras_t2i.models.face_editor.inversion import optimize_latents
from keras_t2i.models.face_editor.objective import Edits

TEXTS = [
    "smiling",
    "glasses",
    "beard",
    "black hair",
    "blond hair",
    "gray hair",
    "hat",
    "bald",
    "older",
    "smiling, black hair, glasses",
]


def measured(editor, judge, text, latents, strength=1.0):
    """Scores of one text.

    Args:
        editor: `TextFaceEditor`.
        judge: `FaceFeatures`.
        text: names attributes, and denies none.
        latents: of N faces, as `editor.latents_for` gives.
        strength: of the edit.

    Returns:
        dict of floats, and `faces`, how many lacked what is named.
    """
    edits = Edits(editor.lexicon, list(judge.attribute_names))
    asked, _ = editor.understood(text)
    names = [name for name, _ in asked]
    chosen = np.array(
        [[float(n in names) for n in editor.lexicon.names]], "float32"
    )
    # What is denied where a text denies is what makes an attribute.
    columns = np.any(edits.denied, axis=0)[chosen[0] > 0]
    value = edits.denied[0][chosen[0] > 0]
    kept = np.asarray(edits.wanted(chosen, np.ones(1, "float32"))[2])[0] > 0

    def has(shown):
        """[N, names]: whether a face has each of the named attributes."""
        return np.stack(
            [
                np.all(shown[:, c] == (v[c] > 0), axis=1)
                for c, v in zip(columns, value)
            ],
            axis=1,
        )

    edit = editor.edit_latents(latents, text, strength)
    was, shows = [
        judge.attributes(images) > 0.5 for images in (edit.before, edit.image)
    ]
    lacks = ~has(was)
    said = [
        {editor.lexicon.names[n - 1] for n in editor.lexicon.read(c).names if n}
        for c in editor.captioner.caption(edit.image)
    ]
    told = np.array([[name in some for name in names] for some in said])
    rows = np.any(lacks, axis=1)
    return {
        "text": text,
        "faces": int(rows.sum()),
        "present": _mean(has(shows)[lacks]),
        "kept": _mean((was == shows)[rows][:, kept]),
        "same person": _mean(
            np.sum(
                judge.identity(edit.before) * judge.identity(edit.image), axis=1
            )[rows]
        ),
        "own captioner": _mean(told[lacks]),
    }


def told_apart(editor, captioner, captions, latents):
    """Share of faces of which a captioner tells by what they were edited.

    Args:
        editor: `TextFaceEditor`.
        captioner: `ImageCaptioner` with the vocabulary of the editor.
        captions: list of N str, all different; N is more than 9.
        latents: of N faces; each is moved by its caption.

    Returns:
        Share of the faces whose caption, among ten, has become more likely
        than any other by the edit.
    """
    words = np.asarray(captioner.text_encoder.tokenize(captions)["words"])
    codes = np.asarray(editor.text_encoder({"words": words}).sentence)
    ends = editor.moved(latents, codes, np.ones(len(latents), "float32"))
    before, after = editor.draw(latents), editor.draw(np.asarray(ends))
    gains = []
    for shift in range(10):
        asked = [*captions[shift:], *captions[:shift]]
        now, was = (captioner.likelihood(asked, x) for x in (after, before))
        gains.append(now - was)
    return _mean(np.argmax(gains, axis=0) == 0)


def photographs(folder, image_size):
    """Held-out photographs uint8 [N, H, W, 3], persons [N], captions."""
    data = keras_t2i.data.load(
        folder,
        "validation",
        image_size=image_size,
        training=False,
        attributes=True,  # For its `class_id`, the number of a person.
    )
    inputs, images = zip(*data)
    texts = [text.decode() for x in inputs for text in np.asarray(x["text"])]
    return np.concatenate(images), np.asarray(data.source.class_ids), texts


def cosines_of(judge, images, who):
    """Mean cosines of two photographs of one person, and of two."""
    codes = judge.identity(images)
    cosines, same = codes @ codes.T, who[:, None] == who[None]
    alone = np.eye(len(who), dtype=bool)
    return _mean(cosines[same & ~alone]), _mean(cosines[~same])


def _mean(values):
    return float(np.mean(values)) if np.size(values) else float("nan")


def inverted(editor, images, count, steps):
    """Latents of photographs of faces that are aligned already."""
    images = images[np.linspace(0, len(images) - 1, count).astype(int)]
    start = editor.encoder.encode(images)
    return optimize_latents(
        editor.generator, editor.features, images, start, steps
    )


def sheet(editor, texts, latents, strength=1.0):
    """uint8 picture: a row of faces, and a row of them after each text."""
    edits = [editor.edit_latents(latents, text, strength) for text in texts]
    return keras_t2i.pictures.grid(
        np.concatenate([edits[0].before, *(edit.image for edit in edits)]),
        columns=len(latents),
        captions=["before", *texts],
        scale=2,
    )


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--preset", nargs="+", default=["faces_64"])
    parser.add_argument("--judge", required=True)
    parser.add_argument("--out", type=pathlib.Path, default="sheets")
    parser.add_argument("--text", nargs="+", default=TEXTS)
    parser.add_argument("--faces", type=int, default=256)
    parser.add_argument("--truncation", type=float, default=0.7)
    parser.add_argument("--strength", type=float, default=1.0)
    parser.add_argument("--data", help="folder of faces with `identity`")
    parser.add_argument("--photographs", type=int, default=0)
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--captioner")
    options = parser.parse_args(arguments)
    models = keras_t2i.models
    judge = models.FaceFeatures.from_preset(options.judge)
    if options.data:
        real, who, captions = photographs(options.data, judge.image_size)
        captions = list(dict.fromkeys(captions))[: options.faces]
    elif options.photographs or options.captioner:
        parser.error("--photographs and --captioner need --data")
    if options.captioner:
        captioner = models.ImageCaptioner.from_preset(options.captioner)
    rows, lines = [], []
    for preset in options.preset:
        editor = models.TextFaceEditor.from_preset(preset)
        name = re.sub(r"\W+", "-", str(preset)).strip("-")
        latents = editor.latents_for(options.faces, 1, options.truncation)
        picture = sheet(editor, options.text, latents[:8], options.strength)
        keras_t2i.pictures.save_png(options.out / f"{name}.png", picture)
        for text in options.text:
            scores = measured(editor, judge, text, latents, options.strength)
            rows.append({"preset": str(preset), **scores})
        if options.captioner:
            of = latents[: len(captions)]
            own, other = (
                told_apart(editor, each, captions, of)
                for each in (editor.captioner, captioner)
            )
            lines.append(
                f"{preset}: of ten captions the right one is told by its own "
                f"captioner in {own:.3f}, by the one of real faces in "
                f"{other:.3f} of {len(captions)}"
            )
        if options.photographs:
            latents = inverted(
                editor, real, options.photographs, options.steps
            )
            for text in options.text:
                scores = measured(
                    editor, judge, text, latents, options.strength
                )
                rows.append({"preset": f"{preset}, photographs", **scores})
    print("| " + " | ".join(rows[0]) + " |")
    print("|" + "---|" * len(rows[0]))
    for row in rows:
        cells = [
            f"{v:.3f}" if isinstance(v, float) else str(v)
            for v in row.values()
        ]
        print("| " + " | ".join(cells) + " |")
    print(*lines, sep="\n")
    if options.data:
        same, other = cosines_of(judge, real, who)
        print(f"two photographs of one person {same:.3f}, of two {other:.3f}")
    with keras_t2i.files.atomic_write(options.out / "scores.json") as path:
        path.write_text(json.dumps(rows, indent=2) + "\n")


if __name__ == "__main__":
    main()
