"""How well speech is understood: word errors, and refusals of other topics.

    python examples/voice_errors.py

Phrases that the language model's text does not hold, and sentences about
other things, are spoken by the synthesizers espeak-ng and flite (Debian,
Ubuntu: apt install espeak-ng flite), clean and with white noise 20 dB below
the speech. Nothing is sent over a network. The errors are those of the words
that pocketsphinx finds, before any refusal; spellings that sound alike
("blonde", "grey") count as equal. Some two minutes of CPU time.
"""

import argparse
import pathlib
import shutil
import subprocess
import tempfile

import numpy as np

from keras_t2i import voice
from keras_t2i.voice import recognizer
from keras_t2i.voice.phrases import lines

VOICES = {
    "espeak-ng en-us": "espeak-ng -v en-us -s 150 -w {out} {text}",
    "flite rms": "flite -voice rms -t {text} -o {out}",
    "flite slt": "flite -voice slt -t {text} -o {out}",
}
NOISE_DB = 20
# What an editor of faces may understand.
KNOWN = """
a smile|aging|arched eyebrows|attractive|bags under her eyes|bags under his eyes
bags under the eyes|bald|bald head|bangs|beard|bearded|beautiful|big lips
big nose|black hair|blond hair|blonde hair|brown hair|bushy eyebrows|cap|chubby
curly hair|dark hair|double chin|earrings|elderly|eyeglasses|fringe|full beard
full lips|glasses|goatee|golden hair|gray hair|grey hair|guy|hairless|handsome
happy|hat|heavy makeup|high cheekbones|lady|large nose|laughing|light brown hair
light stubble|lipstick|makeup|man|middle aged|moustache|mouth slightly open
mustache|narrow eyes|necklace|necktie|no hair|old|older|open mouth|oval face
pale skin|plump|pointed nose|pointy nose|receding hairline|rosy cheeks|sideburns
slightly open mouth|small eyes|smile|smiling|spectacles|straight hair|stubble
thick eyebrows|thick lips|tie|wavy hair|white hair|woman|young|younger
""".replace("\n", "|").strip("|").split("|")
PHRASES = """
smiling with black hair and glasses
a bald man with a goatee wearing a necktie
give her wavy hair and lipstick
an older woman with gray hair who is smiling
make him younger with brown hair
put a hat and eyeglasses on her
she has high cheekbones and a pointy nose
no beard and no glasses
this guy has bushy eyebrows and a double chin
a young lady with blond hair wearing earrings
add stubble and a receding hairline
the woman wears heavy makeup and a necklace
please give him a full beard and a mustache
a middle aged man with sideburns and a big nose
pale skin rosy cheeks and full lips
he is bald and has bags under his eyes
a photo of a chubby young man with curly hair
make her look happy and old
straight brown hair with bangs
a smiling older guy without a hat
she is wearing lipstick and earrings
i want light brown hair and a slightly open mouth
narrow eyes arched eyebrows
this man is attractive and has dark hair
take off her glasses and add a smile
a man with a mustache wearing a tie
give him white hair and thick eyebrows
make the lady blonde
an oval face with big lips and small eyes
elderly man with a beard and spectacles
he wears a cap and has light stubble
give the guy golden hair and a big nose
a laughing woman with straight black hair
remove the beard and the mustache
young and handsome with black sideburns
a beautiful woman with makeup and wavy brown hair
give the man a double chin
middle aged with gray hair and eyeglasses
make him bald and add a goatee
a plump lady with rosy cheeks and a fringe
""".strip().splitlines()
OTHER = """
the bus to the harbor leaves at a quarter past nine
could you tell me where the library is
we need three pounds of sugar and a dozen eggs
my neighbor is painting his fence today
turn the volume down and close the curtains
the meeting was moved to thursday afternoon
what is the capital of australia
snow fell on the northern villages last night
start the washing machine at six
the orchestra will play a symphony by mozart
he forgot to lock the bicycle again
how many kilometers is it to the border
please order a pizza with mushrooms
the teacher explained the theory of evolution
increase the temperature in the bedroom
our team won the game by two points
there are four errors on page seventeen
book a table for five people tonight
the engine makes a strange noise
read me the news from this morning
she sold her apartment in the city center
a ship was lost in the storm near the island
divide two hundred by fourteen
when does the pharmacy open on sunday
the printer is out of paper
he studied history at the university
navigate to the nearest gas station
the farmers are worried about the drought
did you feed the dog before breakfast
record the football match on channel two
the elevator is being repaired until friday
my password does not work any more
add milk and potatoes to the shopping list
the museum has bought an ancient statue
it takes an hour to walk around the lake
send the contract to the lawyer by email
tomorrow will be sunny with a light wind
they built a new bridge across the river
cancel my appointment with the dentist
the train was crowded and the heating was broken
""".strip().splitlines()
ALIKE = {"blonde": "blond", "grey": "gray", "moustache": "mustache"}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.parse_args()
    hear = recognizer.Recognizer(KNOWN)
    known = set(lines(hear.phrases))
    seen = [phrase for phrase in PHRASES if phrase in known]
    if seen:
        raise SystemExit(f"The language model's text holds {seen}.")
    print(f"{len(PHRASES)} phrases, {len(OTHER)} sentences about other things")
    print("voice, noise: word errors | phrases refused | others refused")
    for name, command in VOICES.items():
        if shutil.which(command.split()[0]) is None:
            print(f"{name}: absent; install it to measure with it")
            continue
        for noise in (None, NOISE_DB):
            errors = words = refused = 0
            for number, phrase in enumerate(PHRASES):
                audio, rate = spoken(command, phrase, noise, number)
                text, confidence = hear.best(audio, rate)
                errors += distance(phrase.split(), text.split())
                words += len(phrase.split())
                refused += confidence < recognizer.CONFIDENT
            others = sum(
                hear.best(*spoken(command, other, noise, number)).confidence
                < recognizer.CONFIDENT
                for number, other in enumerate(OTHER)
            )
            print(
                f"{name}, {f'{noise} dB' if noise else 'clean'}: "
                f"{100 * errors / words:.1f} % | {refused} of {len(PHRASES)} | "
                f"{others} of {len(OTHER)}",
                flush=True,
            )


def spoken(command, text, noise, seed):
    """Audio and rate of a text, from a synthesizer."""
    with tempfile.TemporaryDirectory() as folder:
        out = pathlib.Path(folder) / "spoken.wav"
        parts = [p.format(out=out, text=text) for p in command.split()]
        subprocess.run(parts, check=True, capture_output=True)
        audio, rate = voice.read_wav(out)
    if noise is not None:
        even = np.random.default_rng(seed).standard_normal(len(audio))
        level = np.sqrt(np.mean(audio**2)) * 10 ** (-noise / 20)
        audio = (audio + level * even).astype("float32")
    return audio, rate


def distance(said, heard):
    """Words to change, leave out or put in: Levenshtein's distance."""
    said, heard = [[ALIKE.get(w, w) for w in each] for each in (said, heard)]
    row = list(range(len(heard) + 1))
    for number, word in enumerate(said, start=1):
        last, row[0] = row[0], number
        for column, other in enumerate(heard, start=1):
            change = last + (word != other)
            last = row[column]
            row[column] = min(change, last + 1, row[column - 1] + 1)
    return row[-1]


if __name__ == "__main__":
    main()
