"""Pure functions of tensors. They keep the dtype that they are given."""

from keras_t2i.losses.adversarial import binary_cross_entropy
from keras_t2i.losses.adversarial import gan_cls_discriminator_loss
from keras_t2i.losses.adversarial import gan_cls_generator_loss
from keras_t2i.losses.adversarial import gan_cls_matrix_discriminator_loss
from keras_t2i.losses.adversarial import gan_discriminator_loss
from keras_t2i.losses.adversarial import mode_seeking_loss
from keras_t2i.losses.conditioning import conditioning_kl_loss
from keras_t2i.losses.disentanglement import Judgement
from keras_t2i.losses.disentanglement import content_triplet_loss
from keras_t2i.losses.disentanglement import disentangled_discriminator_loss
from keras_t2i.losses.disentanglement import disentangled_generator_loss
from keras_t2i.losses.disentanglement import pearson_correlation
from keras_t2i.losses.disentanglement import style_loss
from keras_t2i.losses.joint_embedding import structured_joint_embedding_loss
from keras_t2i.losses.matching import pair_matching_loss
from keras_t2i.losses.matching import sentence_matching_loss
from keras_t2i.losses.matching import word_matching_loss
from keras_t2i.losses.matching import word_region_attention
from keras_t2i.losses.matching import word_region_scores
from keras_t2i.losses.pairs import other_class
from keras_t2i.losses.pairs import wrong_partners
