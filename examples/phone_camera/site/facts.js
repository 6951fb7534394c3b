// What a .tflite file of keras_t2i tells of itself.

import {Refused} from './refused.js';

const START = '{"sha256": "';
const DIGEST = 64;
const NEEDED = ['encode', 'edit', 'synthesize'];

/**
 * The facts inside of an intact face editor.
 *
 * @param {Uint8Array} bytes of the file.
 * @return {Promise<Object>} metadata that `to_litert` wrote.
 * @throws {Refused} for a file that is foreign, damaged or no face editor.
 */
export async function readFacts(bytes) {
  if (latin(bytes.subarray(4, 8)) !== 'TFL3') {
    throw new Refused('This is no .tflite file.');
  }
  const start = lastIndexOf(bytes, START);
  if (start < 0) {
    throw new Refused(
        'This file was not written by keras_t2i, or its end is missing.');
  }
  const place = start + START.length;
  const blank = new Uint8Array(bytes);
  blank.fill('0'.charCodeAt(0), place, place + DIGEST);
  const hash = new Uint8Array(await crypto.subtle.digest('SHA-256', blank));
  const hex = [...hash].map((x) => x.toString(16).padStart(2, '0')).join('');
  if (hex !== latin(bytes.subarray(place, place + DIGEST))) {
    throw new Refused('The model file is damaged. Copy or load it again.');
  }
  // The format writes the length of a vector right before it.
  const length = new DataView(bytes.buffer, bytes.byteOffset)
      .getUint32(start - 4, true);
  const facts = JSON.parse(
      new TextDecoder().decode(bytes.subarray(start, start + length)));
  if (!NEEDED.every((name) => name in facts.signatures)) {
    throw new Refused(
        `This file holds a ${facts.model}, not a face editor with an encoder.`);
  }
  return facts;
}

function latin(bytes) {
  return new TextDecoder('latin1').decode(bytes);
}

function lastIndexOf(bytes, text) {
  const codes = new TextEncoder().encode(text);
  // By the first one, which the browser finds fast in megabytes.
  const before = (place) => bytes.lastIndexOf(codes[0], place);
  for (let n = before(bytes.length); n >= 4; n = before(n - 1)) {
    if (codes.every((code, k) => bytes[n + k] === code)) return n;
  }
  return -1;
}
