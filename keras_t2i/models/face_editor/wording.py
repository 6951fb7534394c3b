"""What a sentence asks of a face."""

import collections

import numpy as np
from keras import ops

from keras_t2i.models.text_to_image import as_captions


class Wording:
    """The part of `TextFaceEditor` that understands what a text says."""

    @property
    def known_attributes(self):
        """Names of what captions of the training named."""
        known = ops.convert_to_numpy(self.phrasing.known())
        return [n for n, k in zip(self.lexicon.names, known) if k]

    @property
    def phrases(self):
        """What each of `known_attributes` is called, a list of str."""
        return list(map(self._phrase, self.known_attributes))

    def understood(self, text):
        """What a text asks for.

        Args:
            text: a sentence, English or Chinese.

        Returns:
            list of (name of an attribute, True if the text says so or False
            if it denies it), and the list of words that were not understood.

        Raises:
            ValueError: if the text names nothing that the editor knows.
        """
        (text,) = as_captions(text)
        reading = self.lexicon.read(text)
        known, asked = set(self.known_attributes), {}
        rest = list(reading.rest)
        for number in dict.fromkeys(n for n in reading.names if n):
            name = self.lexicon.names[number - 1]
            if name in known:
                asked[name] = number not in reading.negated
            else:
                rest.append(self._phrase(name))
        groups = collections.defaultdict(list)
        for name, said in asked.items():
            group = self.lexicon.attributes[name]["group"]
            if group and said:
                groups[group].append(self._phrase(name))
        for some in groups.values():
            if len(some) > 1:
                raise ValueError(
                    f"A face cannot be both {some[0]} and {some[1]}. Name one "
                    f"of them. Received: {text!r}"
                )
        if not asked:
            raise ValueError(self._nothing_known(text, rest))
        return list(asked.items()), rest

    def _phrase(self, name):
        return self.lexicon.attributes[name]["phrases"][0]

    def _nothing_known(self, text, rest):
        phrases, told = self.phrases, []
        for word in dict.fromkeys(rest):
            places = [p for p in phrases if word in p.split() and p != word]
            if places:
                places = ", ".join(places[:4])
                told.append(f"{word!r} is known in {places} only")
        told = f" ({'; '.join(told)})" if told else ""
        return (
            f"{text!r} names nothing that this editor knows{told}. It knows: "
            f"{', '.join(phrases)}."
        )

    def codes(self, text):
        """Codes of a text, each of a few names, with their signs.

        Args:
            text: a sentence.

        Returns:
            list of (float32 code [1, F], 1.0 or -1.0), and the words that
            were not understood.

        Raises:
            ValueError: as `understood`.
        """
        asked, rest = self.understood(text)
        if self.joint:
            # As it was trained: all words that it knows.
            if not all(said for _, said in asked):
                raise ValueError(
                    "An editor that learned captions as they are knows no "
                    f'denial such as "no glasses". Received: {text!r}'
                )
            rows = [self.lexicon.read(text).words]
            signs = [1.0]
        else:
            rows, signs = [], []
            for sign in (True, False):
                names = [name for name, said in asked if said == sign]
                most = self.settings["most_names"]
                for start in range(0, len(names), most):
                    some = names[start : start + most]
                    phrases = " ".join(map(self._phrase, some)).split()
                    rows.append([self.lexicon.rows[word] for word in phrases])
                    signs.append(1.0 if sign else -1.0)
        found = []
        for row, sign in zip(rows, signs):
            words = np.zeros((1, max(self.text_encoder.max_length, len(row))))
            words[0, : len(row)] = row
            found.append((self._code(words.astype("int32")), sign))
        return found, rest
