"""Finding a face in a photograph and bringing it into place."""


def align_face(photo, size):
    """The face of a photograph, as the pictures of training show it.

    Args:
        photo: uint8 [H, W, 3], or the path of a picture file.
        size: height and width of the result.

    Returns:
        uint8 NumPy array [size, size, 3].
    """
    raise NotImplementedError(photo, size)
