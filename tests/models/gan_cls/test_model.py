import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_t2i import models
from keras_t2i.models.gan_cls.model import _spherical
from keras_t2i.models.gan_cls.variants import VARIANTS
from tests import tiny

TINY = {
    "image_size": 16,
    "latent_width": 8,
    "text_width": 8,
    "generator_width": 4,
    "discriminator_width": 4,
    # Its own test adds it; the others count the judgements of pairs.
    "realism_weight": 0.0,
    "coarse_weight": 0.0,
    # Noise on the sentences would hide which of them a judgement is of.
    "text_noise": 0.0,
    "mode_seeking_weight": 0.0,
}


def gan_cls(**settings):
    encoder = settings.pop("text_encoder", None) or tiny.TinyTextEncoder()
    model = models.GANCLS(text_encoder=encoder, **{**TINY, **settings})
    model.run_eagerly = True
    return model


def softplus(x):
    return np.logaddexp(0.0, np.asarray(x, "float64"))


class Watched:
    """A model whose judgements of pairs (`judge`) are written down."""

    def __init__(self, **settings):
        self.model = gan_cls(**settings)
        self.sentences, self.logits = [], []
        judge = self.model.judge

        def watched(features, sentence):
            logits = judge(features, sentence)
            self.sentences.append(np.array(sentence))
            self.logits.append(np.array(logits))
            return logits

        self.model.judge = watched
        batch = self.model._unpack(tiny.batch(self.model))
        self.sentence = np.array(batch["features"].sentence)
        losses, self.logs = self.model.losses(batch)
        self.losses = {name: float(loss) for name, loss in losses.items()}


def test_generator_also_draws_captions_half_way():
    seen = Watched(interpolate=True, r1_weight=0.0)
    asked, judged = seen.sentences[0], seen.logits[0]
    half_way = (seen.sentence[:2] + seen.sentence[2:]) / 2
    np.testing.assert_allclose(asked[:4], seen.sentence, rtol=1e-6)
    np.testing.assert_allclose(asked[4:], half_way, rtol=1e-5, atol=1e-7)
    # The mean over 1.5 times the batch.
    expected = np.mean(softplus(-judged))
    assert seen.losses["generator"] == pytest.approx(expected, rel=1e-5)


def test_without_interpolation_the_generator_draws_the_captions():
    seen = Watched(interpolate=False, r1_weight=0.0)
    np.testing.assert_allclose(seen.sentences[0], seen.sentence, rtol=1e-6)
    expected = np.mean(softplus(-seen.logits[0]))
    assert seen.losses["generator"] == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("wrong_pairs", ["image", "text"])
@pytest.mark.parametrize("cls_weight", [0.5, 0.0])
def test_discriminator_loss_is_that_of_its_judgements(wrong_pairs, cls_weight):
    seen = Watched(
        interpolate=True,
        r1_weight=0.0,
        wrong_pairs=wrong_pairs,
        cls_weight=cls_weight,
    )
    # Interpolated captions are not shown to the discriminator.
    _, shown, real, wrong = seen.logits
    expected = (
        np.mean(softplus(-real))
        + cls_weight * np.mean(softplus(wrong))
        + (1 - cls_weight) * np.mean(softplus(shown))
    )
    assert seen.losses["discriminator"] == pytest.approx(expected, rel=1e-5)
    np.testing.assert_allclose(seen.sentences[1], seen.sentence, rtol=1e-6)
    mismatched = seen.sentences[3]
    if wrong_pairs == "image":
        np.testing.assert_array_equal(mismatched, seen.sentence)
    else:
        # Classes are 0, 1, 2, 0: no caption stays, none goes to its class.
        rows = [
            int(np.argmin(np.abs(seen.sentence - s).sum(axis=1)))
            for s in mismatched
        ]
        assert all([0, 1, 2, 0][a] != [0, 1, 2, 0][b] for a, b in enumerate(rows))


def test_mode_seeking_draws_half_of_the_captions_twice():
    settings = {"interpolate": False, "r1_weight": 0.0}
    seen = Watched(mode_seeking_weight=0.5, **settings)
    first, again = np.split(seen.sentences[0], 2)
    np.testing.assert_array_equal(first, again)
    np.testing.assert_allclose(first, seen.sentence[:2], rtol=1e-6)
    # What is left beside the judgement is the term itself, which is at least
    # 0.5 * |z1 - z2| / 2, for pictures lie in [-1, 1].
    judged = np.mean(softplus(-seen.logits[0]))
    assert seen.losses["generator"] > judged + 0.1


def test_text_noise_changes_sentences_by_its_length():
    model = gan_cls(text_noise=0.3)
    sentence = np.zeros((400, 8), "float32")
    noise = np.asarray(model.noisy(sentence))
    lengths = np.linalg.norm(noise, axis=1)
    assert np.mean(lengths**2) ** 0.5 == pytest.approx(0.3, rel=0.1)
    assert gan_cls(text_noise=0.0).noisy(sentence) is sentence


@pytest.mark.parametrize("interpolate", [False, True])
def test_realism_is_judged_beside_the_pairs(interpolate):
    settings = {"r1_weight": 0.0, "wrong_pairs": "image"}
    seen = Watched(realism_weight=0.25, interpolate=interpolate, **settings)
    pair_fake, *pairs, real, shown, fake = seen.logits
    # A judgement without words; that of pictures shown to D is of captions.
    assert all(s.dtype == object for s in seen.sentences[-3:])  # None
    assert (len(shown), len(fake)) == (4, 6 if interpolate else 4)
    pair_shown = pairs.pop(0) if interpolate else pair_fake
    pair_real, pair_wrong = pairs
    judged = (
        np.mean(softplus(-pair_real))
        + 0.5 * np.mean(softplus(pair_wrong))
        + 0.5 * np.mean(softplus(pair_shown))
    )
    alone = np.mean(softplus(-real)) + np.mean(softplus(shown))
    expected = judged + 0.25 * alone
    assert seen.losses["discriminator"] == pytest.approx(expected, rel=1e-5)
    expected = np.mean(softplus(-pair_fake)) + 0.25 * np.mean(softplus(-fake))
    assert seen.losses["generator"] == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("interpolate", [False, True])
def test_large_shapes_are_judged_alone(interpolate):
    settings = {"r1_weight": 0.0, "interpolate": interpolate}
    model = gan_cls(coarse_weight=0.25, **settings)
    batch = model._unpack(tiny.batch(model))
    state = model.seed_generator.state.numpy()
    logits = {}
    coarse = model.coarse

    def watched(images, training=False):
        result = coarse(images, training=training)
        logits[len(logits)] = np.array(result)
        return result

    model.__dict__["coarse"] = watched
    losses, _ = model.losses(batch)
    model.seed_generator.state.assign(state)
    model.settings["coarse_weight"] = 0.0
    without, _ = model.losses(batch)
    fake, real = logits[0], logits[1]
    assert (len(fake), len(real)) == (6 if interpolate else 4, 4)
    expected = np.mean(softplus(-real)) + np.mean(softplus(fake[:4]))
    found = losses["discriminator"] - without["discriminator"]
    assert float(found) == pytest.approx(0.25 * expected, rel=1e-4)
    found = losses["generator"] - without["generator"]
    expected = np.mean(softplus(-fake))
    assert float(found) == pytest.approx(0.25 * expected, rel=1e-4)


def test_all_wrong_pairs_leave_out_those_of_one_class():
    model = gan_cls(interpolate=False, r1_weight=0.0)
    batch = model._unpack(tiny.batch(model))
    scores, fakes = [], []
    head = model.head

    def watched(inputs, all_pairs=False, training=False):
        result = head(inputs, all_pairs=all_pairs, training=training)
        (scores if all_pairs else fakes).append(np.array(result))
        return result

    model.__dict__["head"] = watched
    losses, _ = model.losses(batch)
    (matrix,), (fake,) = scores, fakes
    wrong = [
        matrix[i, j]
        for i in range(4)
        for j in range(4)
        if [0, 1, 2, 0][i] != [0, 1, 2, 0][j]
    ]
    assert len(wrong) == 10
    expected = (
        np.mean(softplus(-np.diag(matrix)))
        + 0.5 * np.mean(softplus(wrong))
        + 0.5 * np.mean(softplus(fake))
    )
    assert float(losses["discriminator"]) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("wrong_pairs", ["all", "image"])
def test_matching_starts_after_the_warm_up(wrong_pairs):
    model = gan_cls(wrong_pairs=wrong_pairs, interpolate=False, r1_weight=0.0)
    batch = model._unpack(tiny.batch(model))

    def loss(step, **settings):
        model.settings.update({"cls_weight": 0.5, **settings})
        model.optimizer.iterations.assign(step)
        model.seed_generator.state.assign([0, 0])
        return float(model.losses(batch)[0]["discriminator"])

    plain, matching = loss(0, cls_weight=0.0), loss(0)
    assert plain != pytest.approx(matching, rel=1e-4)
    assert loss(0, matching_warmup_steps=3) == pytest.approx(plain, rel=1e-6)
    assert loss(2, matching_warmup_steps=3) == pytest.approx(plain, rel=1e-6)
    assert loss(3, matching_warmup_steps=3) == pytest.approx(matching, rel=1e-6)


@pytest.mark.parametrize("variant", VARIANTS)
def test_losses_of_every_variant_move_their_own_network(variant):
    model = gan_cls(variant=variant, generator_width=2, discriminator_width=2)
    for moving in ("discriminator", "generator"):
        still = ({"discriminator", "generator"} - {moving}).pop()
        model.compile(
            {
                moving: keras.optimizers.SGD(0.1),
                still: keras.optimizers.SGD(0.0),
            }
        )
        before = {name: tiny.trainable(model, name) for name in (moving, still)}
        model.train_step(tiny.batch(model))
        assert tiny.same(before[still], tiny.trainable(model, still))
        assert not tiny.same(before[moving], tiny.trainable(model, moving))


def test_trainable_text_encoder_is_moved_by_the_discriminator_alone():
    encoder = tiny.TinyTextEncoder(frozen=False)
    model = gan_cls(text_encoder=encoder, r1_weight=0.0)
    words = encoder.embedding.embeddings
    batch = tiny.batch(model)
    with tf.GradientTape(persistent=True) as tape:
        losses, _ = model.losses(model._unpack(batch))
    # The generator takes a sentence as it is.
    assert tape.gradient(losses["discriminator"], words.value) is not None
    names = [v.path for v in model.variables_by_network()["generator"]]
    assert words.path not in names
    before = tiny.value(words)
    model.optimizer.members["discriminator"].learning_rate = 0.0
    model.train_step(batch)
    np.testing.assert_array_equal(before, words.value)
    model.optimizer.members["discriminator"].learning_rate = 0.1
    model.train_step(batch)
    assert np.any(before != tiny.value(words))


@pytest.mark.parametrize("frozen", [False, True])
def test_trained_text_encoder_is_part_of_the_preset(frozen, tmp_path):
    model = gan_cls(text_encoder=tiny.TinyTextEncoder(frozen))
    words = model.text_encoder.embedding.embeddings
    words.assign(words.value + 0.5)
    model.save_to_preset(tmp_path)
    loaded = models.GANCLS.from_preset(tmp_path)
    np.testing.assert_allclose(
        loaded.text_encoder.embedding.embeddings.value, words.value, atol=1e-3
    )


def test_frozen_text_encoder_is_moved_by_nothing():
    encoder = tiny.TinyTextEncoder()
    model = gan_cls(text_encoder=encoder)
    before = tiny.value(encoder.embedding.embeddings)
    model.train_step(tiny.batch(model))
    np.testing.assert_array_equal(before, encoder.embedding.embeddings.value)


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"architecture": "vgg"}, "architecture.*'vgg'"),
        ({"wrong_pairs": "none"}, "wrong_pairs.*'none'"),
        ({"joint_size": 3}, r"joint_size.*\(4, 2\).*3"),
        ({"joint_size": 2}, "reed2016.*Received: joint_size=2"),
        ({"normalize_first": True}, "reed2016.*normalize_first=True"),
        ({"latent_width": 0}, "latent_width.*at least 1.*0"),
        ({"generator_width": "8"}, "generator_width.*whole number.*'8'"),
        ({"matching_warmup_steps": -1}, "matching_warmup_steps.*-1"),
        ({"learning_rate": "fast"}, "learning_rate.*number.*'fast'"),
        ({"variant": "reed2016", "wrong_pairs": "all"}, "projection"),
        ({"variant": "reed2016", "coarse_weight": 1.0}, "coarse_weight"),
        ({"cls_weight": 1.0}, r"cls_weight.*\[0, 1\).*1\.0"),
        ({"interpolation_beta": 1.5}, r"interpolation_beta.*1\.5"),
        ({"variant": "best"}, "default.*note.*reed2016.*shapes.*'best'"),
        ({"widht": 3}, "no setting.*'widht'.*generator_width"),
    ],
)
def test_settings_that_make_no_model_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        gan_cls(**settings)


# Interpolation and style.


@pytest.fixture(scope="module")
def model():
    return gan_cls()


def test_interpolation_goes_from_one_caption_to_the_other(model):
    strip = model.interpolate("a red circle", "a blue star", steps=5, seed=3)
    assert strip.shape == (5, 16, 16, 3) and strip.dtype == np.uint8
    for caption, end in (("a red circle", strip[0]), ("a blue star", strip[-1])):
        alone = model.generate(caption, seed=3)[0].astype(int)
        assert np.max(np.abs(alone - end)) <= 1
    steps = np.abs(np.diff(strip.astype(int), axis=0)).max(axis=(1, 2, 3))
    whole = np.abs(strip[0].astype(int) - strip[-1]).max()
    assert np.all(steps < whole)


def test_interpolation_of_noise_stays_on_the_sphere(model):
    first, last = model.latents_for(1, 1), model.latents_for(1, 2)
    way = _spherical(first, last, np.linspace(0, 1, 5)[:, None])
    np.testing.assert_allclose(way[[0]], first, rtol=1e-5)
    np.testing.assert_allclose(way[[-1]], last, rtol=1e-5)
    lengths = np.linalg.norm(way, axis=1)
    assert np.all(lengths >= min(lengths[0], lengths[-1]) * 0.9)
    same = _spherical(first, first, np.linspace(0, 1, 3)[:, None])
    np.testing.assert_array_equal(same, np.repeat(first, 3, axis=0))
    strip = model.interpolate("a star", "a star", steps=3, seed=1, end_seed=2)
    assert np.any(strip[0] != strip[-1])


def test_style_encoder_learns_the_latents(tmp_path):
    model = gan_cls(style_encoder_width=4)
    with pytest.raises(ValueError, match="fit_style_encoder"):
        model.transfer_style(np.zeros((16, 16, 3), "uint8"), "a star")
    generator = [tiny.value(v) for v in model.generator_ema.weights]
    history = model.fit_style_encoder(
        tiny.CAPTIONS, steps=15, batch_size=8, epochs=2, verbose=0
    ).history["loss"]
    assert history[1] < history[0]
    now = [tiny.value(v) for v in model.generator_ema.weights]
    assert tiny.same(generator, now)

    pictures = model.generate(["a red circle", "a blue star"], seed=1)
    drawn = model.transfer_style(pictures, "a green star")
    assert drawn.shape == (2, 16, 16, 3) and np.any(drawn[0] != drawn[1])
    one = model.transfer_style(pictures[0], "a green star")
    assert np.max(np.abs(one[0].astype(int) - drawn[0])) <= 1
    with pytest.raises(ValueError, match="3 captions, 2 pictures"):
        model.transfer_style(pictures, ["a", "b", "c"])
    with pytest.raises(ValueError, match=r"float64.*\[16, 16, 3\]|float64"):
        model.transfer_style(pictures / 255, "a")
    with pytest.raises(ValueError, match=r"16, 16, 3\]. Received: uint8.*8, 8"):
        model.transfer_style(np.zeros((8, 8, 3), "uint8"), "a")

    model.save_to_preset(tmp_path / "preset")
    model.save(tmp_path / "model.keras")
    for loaded in (
        models.GANCLS.from_preset(tmp_path / "preset"),
        keras.saving.load_model(tmp_path / "model.keras"),
    ):
        latents = loaded.encode_style(pictures)
        np.testing.assert_allclose(
            latents, model.encode_style(pictures), atol=2e-2
        )


def test_too_few_steps_are_refused(model):
    with pytest.raises(ValueError, match="at least 2. Received: 1"):
        model.interpolate("a", "b", steps=1)
