"""Style as the user's to choose: from a seed, a vector or a picture."""

import numpy as np

from keras_t2i.models.text_to_image import as_captions


class StyleControl:
    """The part of `ModalityDisentangledT2I` that is asked for a style.

    A style takes the place of the noise, for which the training made it: the
    last image encoder finds in a drawn picture the noise that it was drawn
    from (patent, paragraphs 4, 18 and 69).
    """

    def generate(
        self,
        text,
        seed=None,
        truncation=None,
        num_images=1,
        batch_size=None,
        style_image=None,
        style=None,
    ):
        """Draws pictures for captions, in a style of one's choice.

        Args:
            text, seed, truncation, num_images, batch_size: as in every
                text-to-image model of the zoo.
            style_image: uint8 [H, W, 3] of the model's size, or N of them,
                whose style is taken.
            style: instead, float [Z] or [N, Z], such as `encode` gives.

        Returns:
            uint8 NumPy array [N * num_images, H, W, 3]. With a style it is one
            picture for each caption or each style; one caption is drawn in
            all styles, and one style serves all captions.

        Raises:
            ValueError: as in every text-to-image model; or for a style beside
                a seed, a truncation or several pictures, or styles whose
                number or width does not fit.
        """
        if style is None and style_image is None:
            return super().generate(
                text, seed, truncation, num_images, batch_size
            )
        if seed is not None or truncation is not None or num_images != 1:
            raise ValueError(
                "A given style takes the place of the noise: leave out `seed`, "
                "`truncation` and `num_images`."
            )
        captions = as_captions(text)
        latents = self._styles(style, style_image)
        if len(captions) != len(latents) and 1 not in (
            len(captions),
            len(latents),
        ):
            raise ValueError(
                "Give one caption for all styles, one style for all captions, "
                f"or as many of both. Received: {len(captions)} captions, "
                f"{len(latents)} styles"
            )
        count = max(len(captions), len(latents))
        rows = np.arange(count) % len(captions)
        features = self.text_encoder.encode(captions)
        return self.draw(
            latents[np.arange(count) % len(latents)], features, rows, batch_size
        )

    def content_style_grid(
        self, text, num_styles=8, seed=0, style_image=None, style=None
    ):
        """Draws every caption in every style.

        Args:
            text: N captions.
            num_styles: M, how many styles are drawn from `seed`.
            style_image, style: M styles as in `generate`, instead of drawn
                ones.

        Returns:
            uint8 NumPy array [N * M, H, W, 3], caption by caption: in
            `keras_t2i.pictures.grid(images, columns=M)` rows share the caption
            and columns the style.

        Raises:
            ValueError: as `generate`.
        """
        captions = as_captions(text)
        if style is None and style_image is None:
            style = self.latents_for(num_styles, seed)
        styles = self._styles(style, style_image)
        return self.generate(
            np.repeat(captions, len(styles)),
            style=np.tile(styles, (len(captions), 1)),
        )

    def encode(self, images, batch_size=64):
        """Parts pictures into content and style.

        Args:
            images: uint8 [N, H, W, 3] of the model's size, or one [H, W, 3].
            batch_size: pictures read at once.

        Returns:
            Pair of float32 NumPy arrays: content [N, C], which `similarity`
            compares with texts, and style [N, Z], of mean 0 and variance 1
            in every row, as `generate` takes it.

        Raises:
            ValueError: for pictures of another size or type, or a model that
                was neither trained nor loaded.
        """
        scaled = self.scaled_pictures(images)
        contents, styles = [], []
        for start in range(0, len(scaled), batch_size):
            part = scaled[start : start + batch_size]
            _, _, content, style = self.image_encoders[-1](part, training=False)
            contents.append(np.asarray(content))
            styles.append(np.asarray(style))
        return np.concatenate(contents), _standardized(np.concatenate(styles))

    def encode_text(self, text):
        """Content h_tc of captions: float32 NumPy array [N, C]."""
        self.check_built()
        sentence = self.text_encoder.encode(as_captions(text)).sentence
        return np.asarray(self.text_head_ema(sentence, training=False)["text"])

    def similarity(self, text, images):
        """Pearson's correlation of the content of texts and pictures.

        Args:
            text: one caption, or a list of N.
            images: uint8 [M, H, W, 3], or one picture.

        Returns:
            float32 NumPy array [N, M] in [-1, 1].
        """
        content, _ = self.encode(images)
        text = _standardized(self.encode_text(text))
        return text @ _standardized(content).T / text.shape[1]

    def _styles(self, style, style_image):
        """Latents [M, Z] of a user's styles."""
        if style is not None and style_image is not None:
            raise ValueError("Give `style` or `style_image`, not both.")
        if style is None:
            return self.encode(style_image)[1]
        style = np.atleast_2d(np.asarray(style, "float32"))
        if style.ndim != 2 or style.shape[1] != self.latent_width:
            raise ValueError(
                f"`style` must have the shape [{self.latent_width}] or [N, "
                f"{self.latent_width}]. Received: {list(style.shape)}"
            )
        return style


def _standardized(rows):
    """Rows of mean 0 and variance 1; a constant row becomes 0."""
    rows = rows - rows.mean(axis=1, keepdims=True)
    deviation = rows.std(axis=1, keepdims=True)
    return (rows / np.maximum(deviation, 1e-8)).astype("float32")
