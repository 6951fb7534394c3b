// The networks of the file, run by LiteRT.

import {
  loadAndCompile, loadLiteRt, supportsFeature, Tensor,
} from '@litertjs/core';

import {readFacts} from './facts.js';
import {Reader} from './words.js';

let runtime = null;

/** The name of the runtime's build for this browser. */
export async function wasmBuild() {
  const fast = await supportsFeature('relaxedSimd');
  return fast ? 'litert_wasm_internal' : 'litert_wasm_compat_internal';
}

async function loadRuntime() {
  const path = `vendor/wasm/${await wasmBuild()}.js`;
  return loadLiteRt(new URL(path, document.baseURI).href);
}

/**
 * Loads the runtime and compiles a file.
 *
 * @param {Uint8Array} bytes of the file.
 * @return {Promise<Editor>}
 * @throws {Refused} as `readFacts`.
 */
export async function openEditor(bytes) {
  const facts = await readFacts(bytes);
  runtime ??= loadRuntime();
  await runtime;
  const model = await loadAndCompile(bytes, {accelerator: 'wasm'});
  const editor = new Editor(model, facts);
  // The browser compiles on the first run: not while a camera waits.
  const {image_size: size} = facts;
  await editor.synthesize(
      await editor.encode(new Uint8Array(size * size * 4)));
  return editor;
}

/** Runs the signatures of a face editor, one picture at a time. */
class Editor {
  constructor(model, facts) {
    this.model = model;
    this.facts = facts;
    this.size = facts.image_size;
    this.reader = new Reader(facts);
    this.locates = 'locate' in facts.signatures;
  }

  async run(signature, arrays) {
    const {inputs} = this.facts.signatures[signature];
    const tensors = {};
    for (const [name, array] of Object.entries(arrays)) {
      tensors[name] = new Tensor(array, inputs[name].shape);
    }
    const outputs = await this.model.run(signature, tensors);
    const found = {};
    for (const [name, tensor] of Object.entries(outputs)) {
      // A view of the runtime's memory, which the next run overwrites.
      found[name] = tensor.toTypedArray().slice();
    }
    const all = [...Object.values(tensors), ...Object.values(outputs)];
    for (const tensor of all) tensor.delete();
    return found;
  }

  /** Latents, a Float32Array, of bytes as a canvas gives them. */
  async encode(rgba) {
    return (await this.run('encode', {rgba})).latents;
  }

  /** Latents after all groups of a `Reader.read`. */
  async edit(latents, groups, strength) {
    for (const {words, sign} of groups) {
      ({latents} = await this.run('edit', {
        latents, words, strength: Float32Array.of(sign * strength),
      }));
    }
    return latents;
  }

  /** `ImageData` of latents. */
  async synthesize(latents) {
    const {rgba} = await this.run('synthesize', {latents});
    return new ImageData(
        new Uint8ClampedArray(rgba.buffer), this.size, this.size);
  }

  /**
   * How surely a frame shows a face; middle and side of the square that
   * `encode` takes of it, in shares of the frame.
   */
  async locate(rgba) {
    const {score, place: [x, y, side]} = await this.run('locate', {rgba});
    return {score: score[0], x, y, side};
  }

  /** The side of the frames that `locate` takes. */
  get frameSize() {
    return this.facts.signatures.locate.inputs.rgba.shape[1];
  }

  /** Frees the runtime's memory of the file. */
  close() {
    this.model.delete();
  }
}
