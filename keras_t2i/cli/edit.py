"""`keras-t2i edit`: a face changed by what you say."""

import pathlib

from keras_t2i.cli.generate import enlarged
from keras_t2i.cli.generate import preset_folder
from keras_t2i.cli.parsing import add_verb
from keras_t2i.cli.quiet import load_tensorflow
from keras_t2i.files import atomic_write

_PRESET = "faces_64"
_EXAMPLE = """\
  keras-t2i edit me.jpg "smiling, black hair, glasses" --out sheet.png
  keras-t2i edit me.jpg "微笑" "older" --strength 0.7 --out edits/
  keras-t2i edit seed:7 "gray hair" --out way.gif
  keras-t2i edit frames/ "smiling" --out film.gif

Several texts are edits in a row. A .png is a sheet of before and after, a .gif
the way from the one to the other; a folder gets both, a file a picture, and
the latents. Of a folder or animation of frames a .gif of the edited film."""


def add_arguments(verbs):
    parser = add_verb(
        verbs, "edit", run, "change the face of a photograph by words", _EXAMPLE
    )
    add = parser.add_argument
    add(
        "photo",
        metavar="PHOTO",
        help="a picture with one face; a folder or an animated GIF of frames; "
        "or seed:N for a face that the generator makes up",
    )
    add("text", metavar="TEXT", nargs="+", help="what shall be, or not be")
    add(
        "--preset",
        metavar="NAME_OR_PATH",
        default=_PRESET,
        help="a trained face editor (default: %(default)s)",
    )
    add(
        "--out",
        metavar="OUT",
        default="edit.png",
        help="a .png, a .gif or a folder, ending in / (default: %(default)s)",
    )
    add(
        "--strength",
        metavar="S",
        type=float,
        default=1.0,
        help="0.5 goes half of the way, -1 the other way (default: 1)",
    )
    add(
        "--steps",
        metavar="N",
        type=int,
        default=50,
        help="of the search for the photo's latents; 0 is fast and less alike "
        "(default: 50)",
    )
    add(
        "--smoothing",
        metavar="FRAMES",
        type=float,
        default=1.5,
        help="over how many frames of a film its latents are averaged "
        "(default: 1.5)",
    )
    add(
        "--scale",
        metavar="K",
        type=int,
        default=4,
        help="enlarge pictures so many times (default: 4; 1: as drawn)",
    )


def run(arguments):
    out = pathlib.Path(arguments.out)
    into_folder = arguments.out.endswith("/") or out.is_dir()
    kind = "folder" if into_folder else out.suffix.lower()
    if kind not in ("folder", ".png", ".gif"):
        raise ValueError(
            "--out takes a sheet (.png), an animation (.gif) or a folder "
            f"(ending in /). Received: {arguments.out}"
        )
    if arguments.scale < 1:
        raise ValueError(
            f"--scale must be at least 1. Received: {arguments.scale}"
        )
    frames = _frames(arguments.photo)
    load_tensorflow()
    from keras_t2i import models

    editor = models.TextFaceEditor.from_preset(preset_folder(arguments.preset))
    # Words that say nothing are told before the long work.
    asked = [editor.understood(text)[0] for text in arguments.text]
    if frames is None:
        _edit_one(editor, arguments, out, kind)
    else:
        _edit_film(editor, frames, arguments, out, kind)
    named = [f"{'' if said else 'not '}{n}" for some in asked for n, said in some]
    print(f"{arguments.out}: {', '.join(named)}")


def _edit_one(editor, arguments, out, kind):
    import numpy as np

    from keras_t2i import pictures

    path = [_latents(editor, arguments)]  # Latents before and after each edit.
    images, captions = [editor.draw(path[0])[0]], ["before"]
    for text in arguments.text:
        edit = editor.edit_latents(path[-1], text, arguments.strength)
        path.append(edit.latents)
        images.append(edit.image)
        captions.append(text)
        if editor.features is not None:
            (alike,) = editor.features.similarity(images[0], edit.image)
            captions[-1] += f" (same person: {alike:.2f})"
            print(f"{text}: similarity to the face before {alike:.3f}")
    images = enlarged(np.stack(images), arguments.scale)
    if kind != ".gif":
        sheet = pictures.grid(images, len(images), captions)
        pictures.save_png(out / "sheet.png" if kind == "folder" else out, sheet)
    if kind != ".png":
        # Through all edits, and back to the start.
        ways = [editor.way(*pair) for pair in zip(path, path[1:] + path[:1])]
        ways = enlarged(np.concatenate(ways), arguments.scale)
        pictures.save_gif(out / "way.gif" if kind == "folder" else out, ways)
    if kind == "folder":
        names = ["before", *[f"after-{n}" for n in range(1, len(images))]]
        for name, image in zip(names, images, strict=True):
            pictures.save_png(out / f"{name}.png", image)
        with atomic_write(out / "latents.npz") as temporary:
            np.savez(temporary, **dict(zip(names, path)))


def _latents(editor, arguments):
    """Those of a photograph, or of the face of a seed."""
    if (seed := _seed(arguments.photo)) is None:
        return editor.invert([arguments.photo], arguments.steps)[0]
    return editor.latents_for(1, seed)[0]


def _seed(photo):
    """The number N of `seed:N`; None for anything else."""
    name, colon, number = photo.partition(":")
    if name != "seed" or not colon:
        return None
    if not number.isdecimal():
        raise ValueError(
            "A face that is made up is seed:N, with a whole number. "
            f"Received: {photo}"
        )
    return int(number)


def _edit_film(editor, frames, arguments, out, kind):
    from keras_t2i import pictures

    if kind == ".png":
        raise ValueError(
            "Frames become a film: --out takes a .gif or a folder. "
            f"Received: {arguments.out}"
        )
    edit = editor.edit_frames(
        frames,
        arguments.text,
        arguments.strength,
        arguments.steps,
        arguments.smoothing,
    )
    images = enlarged(edit.image, arguments.scale)
    pictures.save_gif(out / "film.gif" if kind == "folder" else out, images)
    if kind == "folder":
        for number, image in enumerate(images, start=1):
            pictures.save_png(out / f"frame-{number:04d}.png", image)


def _frames(photo):
    """Frames of a folder or of an animation; None for a single picture.

    Raises:
        FileNotFoundError: there is no such picture.
        ValueError: there are no pictures in the folder.
    """
    path = pathlib.Path(photo)
    if _seed(photo) is not None:
        return None
    from keras_t2i import pictures

    if path.is_dir():
        found = [
            p
            for p in sorted(path.iterdir())
            if p.suffix.lower() in pictures.SUFFIXES
        ]
        if not found:
            raise ValueError(f"There is no picture in the folder {photo}.")
        return [str(p) for p in found]
    return pictures.read_frames(path)
