// Puts the page together: npm run build -- EDITOR.tflite [FOLDER]

import {createHash} from 'node:crypto';
import * as fs from 'node:fs';
import {dirname, join, relative, sep} from 'node:path';
import {fileURLToPath} from 'node:url';

import {readFacts} from './site/facts.js';
import {Refused} from './site/refused.js';

const HERE = dirname(fileURLToPath(import.meta.url));
const LITERT = join(HERE, 'node_modules', '@litertjs');
const [file, out = join(HERE, 'dist')] = process.argv.slice(2);

function fail(message) {
  console.error(message);
  process.exit(1);
}

/** Names of the files that every browser stores, sorted. */
function names(folder) {
  const all = fs.readdirSync(folder, {recursive: true, withFileTypes: true})
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name));
  return all.map((path) => relative(folder, path).replaceAll(sep, '/')).sort()
      .filter((name) => !name.startsWith('vendor/wasm/'));
}

if (!file) fail('Usage: npm run build -- EDITOR.tflite [FOLDER]');
if (!fs.existsSync(LITERT)) fail('The runtime is missing. Run: npm ci');
try {
  await readFacts(fs.readFileSync(file));
} catch (error) {
  fail(error instanceof Refused || error.code ? `${file}: ${error.message}` :
       error);
}

if (fs.existsSync(out) && !fs.existsSync(join(out, 'files.js')) &&
    fs.readdirSync(out).length) {
  fail(`${out} holds something else. Name a new folder.`);
}
fs.rmSync(out, {recursive: true, force: true});
fs.cpSync(join(HERE, 'site'), out, {recursive: true});
for (const name of ['core', 'wasm-utils']) {
  fs.cpSync(join(LITERT, name, 'dist', 'index.js'),
            join(out, 'vendor', `${name}.js`));
}
for (const build of ['litert_wasm_internal', 'litert_wasm_compat_internal']) {
  for (const name of [`${build}.js`, `${build}.wasm`]) {
    fs.cpSync(join(LITERT, 'core', 'wasm', name),
              join(out, 'vendor', 'wasm', name));
  }
}
fs.copyFileSync(file, join(out, 'editor.tflite'));

// What the service worker stores; its name changes with whatever changes.
const version = createHash('sha256');
const stored = names(out).filter((name) => name !== 'service_worker.js');
for (const name of stored) version.update(fs.readFileSync(join(out, name)));
version.update(fs.readFileSync(join(HERE, 'package-lock.json')));
fs.writeFileSync(join(out, 'files.js'), `self.stored = ${JSON.stringify({
  version: version.digest('hex').slice(0, 16),
  // The page is asked for by its folder.
  files: ['./', ...stored.filter((name) => name !== 'index.html')],
}, null, 2)};\n`);
console.log(`${out}: ready to be served`);
