"""Pure functions of tensors. They keep the dtype that they are given."""

from keras_t2i.losses.adversarial import binary_cross_entropy
from keras_t2i.losses.adversarial import gan_cls_discriminator_loss
from keras_t2i.losses.adversarial import gan_cls_generator_loss
from keras_t2i.losses.adversarial import gan_cls_matrix_discriminator_loss
