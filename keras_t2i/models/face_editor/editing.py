"""Faces as a trained editor changes them."""

import collections
import secrets
import warnings

import numpy as np

from keras_t2i.models.face_editor.alignment import align_face
from keras_t2i.models.face_editor.inversion import optimize_latents
from keras_t2i.models.settings import check_whole_numbers
from keras_t2i.models.text_to_image import as_captions
from keras_t2i.training.latents import row_latents

Edit = collections.namedtuple("Edit", "image latents similarity before rest")
Edit.__doc__ = """An edited face.

Attributes:
    image: uint8 `[H, W, 3]`, or `[N, H, W, 3]` of N latents.
    latents: float32 `[L, Z]` or `[N, L, Z]`, to edit further.
    similarity: how much the person still is who it was before: the cosine of
        the vectors that `FaceFeatures` gives to both pictures, a float or
        `[N]`. None without `features`.
    before: uint8 as `image`, drawn from the latents before the edit.
    rest: list of the words that the editor did not understand.
"""


class Editing:
    """The part of `TextFaceEditor` that is asked for edits."""

    def edit(self, photo, text, strength=1.0, steps=50):
        """Changes the face of a photograph.

        Args:
            photo: uint8 [H, W, 3] of any size, or the path of a picture, with
                one face.
            text: what shall be, such as "smiling, black hair" or
                "微笑，黑头发"; or a list of texts, edits in a row.
            strength: 1 goes as far as in training, 0.5 half of the way; below
                0 it goes to the opposite.
            steps: of the search for the latents of the photo; 0 takes what
                the encoder says.

        Returns:
            `Edit` of one picture. Its `before` is what the generator draws of
            the photo without an edit.

        Raises:
            ValueError: for no face or several, for a text that names nothing
                the editor knows, or an editor without an `encoder`.
        """
        return self.edit_latents(self.invert([photo], steps)[0], text, strength)

    def edit_latents(self, latents, text, strength=1.0):
        """Changes faces that the generator draws.

        Args:
            latents: [L, Z] or [N, L, Z] in W (as `generator.styles_for` and
                `Edit.latents` are), [Z] or [N, Z] in Z.
            text, strength: as in `edit`.

        Returns:
            `Edit` of one or of N pictures.

        Raises:
            ValueError: for latents of another shape, or a text that names
                nothing the editor knows.
        """
        self.check_built()
        texts = as_captions(text)
        if not np.isfinite(strength):
            raise ValueError(
                f"`strength` must be a number. Received: {strength}"
            )
        start, one = self._checked(latents)
        asked = [self.codes(each) for each in texts]
        rest = [word for _, words in asked for word in words]
        if rest:
            warnings.warn(
                f"Not understood, and left out: {', '.join(rest)}", stacklevel=2
            )
        end = start
        for codes, _ in asked:
            for code, sign in codes:
                end = self._along(end, code, sign * strength)
        before, image = self.draw(start), self.draw(end)
        similarity = None
        if self.features is not None:
            similarity = self.features.similarity(before, image)
        if one:
            image, end, before = image[0], end[0], before[0]
            similarity = None if similarity is None else float(similarity[0])
        return Edit(image, end, similarity, before, rest)

    def _checked(self, latents):
        latents = np.asarray(latents, "float32")
        given = list(latents.shape)
        width = self.generator.settings["latent_width"]
        shape = (width,)
        if self.settings["latent_space"] == "w":
            shape = (self.generator.num_styles, width)
        one = latents.ndim == len(shape)
        latents = latents[None] if one else latents
        if latents.shape[1:] != shape or not len(latents):
            raise ValueError(
                f"Latents must be [N, {', '.join(map(str, shape))}]. "
                f"Received: {given}"
            )
        return latents, one

    def _along(self, latents, code, strength):
        codes = np.repeat(code, len(latents), axis=0)
        strength = np.full((len(latents),), strength, "float32")
        return np.asarray(self._move(latents, codes, strength))

    def draw(self, latents, batch_size=64):
        """uint8 pictures [N, H, W, 3] of N latents."""
        latents, _ = self._checked(latents)
        parts = [
            np.asarray(self._draw_batch(latents[start : start + batch_size]))
            for start in range(0, len(latents), batch_size)
        ]
        return np.concatenate(parts)

    def way(self, start, end, steps=16):
        """Pictures on the straight way from one latent to another.

        Args:
            start, end: latents of one picture each.
            steps: how many pictures, both ends among them.

        Returns:
            uint8 [steps, H, W, 3].
        """
        check_whole_numbers({"steps": steps}, {"steps": 2})
        (start, end), _ = self._checked(np.stack([start, end]))
        share = np.linspace(0.0, 1.0, steps, dtype="float32")
        share = share.reshape(-1, *[1] * start.ndim)
        return self.draw(start + share * (end - start))

    def invert(self, photos, steps=50):
        """Latents of photographs.

        Args:
            photos: list of N pictures as `edit` takes them.
            steps: as in `edit`.

        Returns:
            float32 NumPy array [N, L, Z].

        Raises:
            ValueError: as `edit`.
        """
        self.check_built()
        if self.settings["latent_space"] == "z":
            raise ValueError(
                "Photographs have latents in W, and this editor moves those of "
                "Z, as the document does. Use `edit_latents` or `generate`, or "
                'an editor with latent_space="w".'
            )
        if self.encoder is None:
            raise ValueError(
                "This editor has no `encoder` that finds the latents of a "
                "photograph. Make it with one, or use `edit_latents`."
            )
        faces = np.stack([align_face(p, self.image_size) for p in photos])
        latents = np.asarray(self.encoder.encode(faces))
        if steps:
            if self.features is None:
                raise ValueError(
                    "The search for the latents of a photograph needs the "
                    "`features` of faces, which this editor lacks. Make it "
                    "with them, or take what the encoder says: `steps=0`."
                )
            latents = optimize_latents(
                self.generator, self.features, faces, latents, steps
            )
        return np.asarray(latents, "float32")

    def edit_frames(self, frames, text, strength=1.0, steps=20, smoothing=1.5):
        """Changes the face of a film, frame by frame.

        Args:
            frames: list of N pictures as `edit` takes them, in their order.
            text, strength, steps: as in `edit`.
            smoothing: over how many frames to each side latents are averaged
                (the standard deviation of a bell curve), against flicker; 0
                takes each frame alone.

        Returns:
            `Edit` of N pictures.

        Raises:
            ValueError: as `edit`; the frame is named.
        """
        latents = smoothed(self.invert(frames, steps), smoothing)
        return self.edit_latents(latents, text, strength)

    def generate(
        self,
        text,
        seed=None,
        truncation=None,
        num_images=1,
        batch_size=None,
        strength=1.0,
    ):
        """Draws random faces, changed by texts.

        Args:
            text, seed, truncation, num_images, batch_size: as in every
                text-to-image model of the zoo. Picture i of each text is the
                same face before the edit.
            strength: as in `edit`.

        Returns:
            uint8 NumPy array [N * num_images, H, W, 3], in the order of the
            texts.

        Raises:
            ValueError: for a text that names nothing the editor knows, or a
                number out of its range.
        """
        texts = as_captions(text)
        check_whole_numbers({"num_images": num_images}, {"num_images": 1})
        size = 64 if batch_size is None else batch_size
        check_whole_numbers({"batch_size": size}, {"batch_size": 1})
        seed = secrets.randbits(31) if seed is None else seed
        start = self.latents_for(num_images, seed, truncation)
        ends = [self.edit_latents(start, t, strength).latents for t in texts]
        return self.draw(np.concatenate(ends), size)

    def latents_for(self, count, seed=None, truncation=None):
        """Latents of random faces, as `edit_latents` takes them.

        Args:
            count, seed, truncation: as in `StyleGAN2.styles_for`.
        """
        styles = self.generator.styles_for(count, seed, truncation)
        if self.settings["latent_space"] == "w":
            return styles
        width = self.generator.settings["latent_width"]
        seed = secrets.randbits(31) if seed is None else seed
        scale = 1.0 if truncation is None else truncation
        return row_latents(seed, range(count), width) * scale


def smoothed(latents, smoothing):
    """Latents of frames, averaged over time.

    Args:
        latents: [N, ...].
        smoothing: standard deviation, in frames, of the weights; 0 for none.

    Returns:
        NumPy array [N, ...].

    Raises:
        ValueError: for a number below 0.
    """
    if not smoothing >= 0.0:
        raise ValueError(
            f"`smoothing` must be at least 0. Received: {smoothing}"
        )
    if not smoothing:
        return latents
    frames = np.arange(len(latents))
    weights = np.exp(
        -0.5 * ((frames[:, None] - frames[None]) / smoothing) ** 2
    )
    weights /= weights.sum(axis=1, keepdims=True)
    return np.tensordot(weights.astype("float32"), latents, axes=1)
