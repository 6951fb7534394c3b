"""The command `keras-t2i`: one file a verb."""
