"""What the command line calls the methods."""

# Name on the command line -> class in `keras_t2i.models`.
METHODS = {
    "disentangled": "ModalityDisentangledT2I",
    "face_editor": "TextFaceEditor",
    "face_features": "FaceFeatures",
    "face_locator": "FaceLocator",
    "gan_cls": "GANCLS",
    "gated": "GatedT2I",
    "image_captioner": "ImageCaptioner",
    "image_text_matcher": "ImageTextMatcher",
    "progressive": "ProgressiveT2I",
    "stylegan2": "StyleGAN2",
}


def method_class(name):
    """The model class of a method; imports Keras and TensorFlow."""
    from keras_t2i import models

    return getattr(models, METHODS[name])
