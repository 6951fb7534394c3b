"""FaceLocator: is there a face, and where."""
