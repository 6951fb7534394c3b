"""What the page of examples/phone_camera reads in texts."""

import json
import pathlib
import shutil
import subprocess

import numpy as np
import pytest

PAGE = pathlib.Path(__file__).parents[1] / "examples" / "phone_camera"


def node(*arguments, check=True, **kwargs):
    """Runs Node.js; skips the test where there is none."""
    if shutil.which("node") is None:
        pytest.skip("needs Node.js")
    return subprocess.run(
        ["node", *map(str, arguments)],
        check=check,
        capture_output=True,
        text=True,
        **kwargs,
    )


def read(facts, texts):
    """Groups of words and what was not understood of texts, or a message."""
    words = (PAGE / "site" / "words.js").as_uri()
    program = f"""
        import {{Reader}} from {json.dumps(words)};
        import {{readFileSync}} from 'node:fs';
        const {{facts, texts}} = JSON.parse(readFileSync(0));
        const reader = new Reader(facts);
        console.log(JSON.stringify(texts.map((text) => {{
          try {{
            const {{groups, rest}} = reader.read(text);
            return {{rest, groups: groups.map(
                ({{words, sign}}) => [[...words], sign])}};
          }} catch (error) {{
            return {{told: error.message}};
          }}
        }})));"""
    done = node(
        "--input-type=module",
        "--eval",
        program,
        input=json.dumps({"facts": facts, "texts": texts}),
    )
    return json.loads(done.stdout)


def edited(loaded, latents, groups, strength):
    """Latents after all groups, by the file."""
    for words, sign in groups:
        latents = loaded.run(
            "edit",
            latents=latents,
            words=np.array([words], "int32"),
            strength=np.array([sign * strength], "float32"),
        )["latents"]
    return latents
