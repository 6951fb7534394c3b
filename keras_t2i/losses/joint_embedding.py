"""Losses that bring texts and pictures into one space."""

from keras import ops


def structured_joint_embedding_loss(images, texts, class_ids, margin=1.0):
    """Symmetric hinge over all pictures and texts of a batch.

    With scores s(i, j) = images[i] . texts[j], of which the diagonal matches:

        1 / B^2  sum_i sum_{j of another class}
            max(0, margin + s(i, j) - s(i, i))        picture -> text
          + max(0, margin + s(j, i) - s(i, i))        text -> picture

    as in Reed et al. 2016, "Learning Deep Representations of Fine-grained
    Visual Descriptions", whose batches hold one picture of each class. Pairs
    of one class, which those batches never hold, are no negatives.

    Args:
        images: [B, S].
        texts: [B, S].
        class_ids: integers [B]. With `arange(B)` all other rows are negatives.
        margin: how much better than a wrong pair a right one shall score.

    Returns:
        Scalar >= 0.
    """
    scores = ops.matmul(images, ops.transpose(texts))
    matching = ops.diagonal(scores)
    to_text = ops.relu(margin + scores - matching[:, None])
    to_picture = ops.relu(margin + scores - matching[None, :])
    wrong = ops.not_equal(class_ids[:, None], class_ids[None, :])
    return ops.mean((to_text + to_picture) * ops.cast(wrong, scores.dtype))
