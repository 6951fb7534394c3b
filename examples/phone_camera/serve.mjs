// Serves a folder on this machine: npm start [-- FOLDER [PORT]]

import {readFile} from 'node:fs/promises';
import {createServer} from 'node:http';
import {dirname, extname, join} from 'node:path';
import {fileURLToPath} from 'node:url';

const HERE = dirname(fileURLToPath(import.meta.url));
const TYPES = {
  '.css': 'text/css',
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.png': 'image/png',
  '.svg': 'image/svg+xml',
  '.tflite': 'application/octet-stream',
  '.wasm': 'application/wasm',
  '.webmanifest': 'application/manifest+json',
};

/** A server of the files of a folder, for this machine only. */
export async function serve(folder, port) {
  const server = createServer(async (request, response) => {
    try {
      // A URL has no `..` left.
      const {pathname} = new URL(request.url, 'http://localhost');
      const path = join(folder, pathname.replace(/\/$/, '/index.html'));
      const content = await readFile(path);
      response.setHeader('Content-Type', TYPES[extname(path)] ?? '');
      response.end(content);
    } catch {
      response.writeHead(404).end();
    }
  });
  await new Promise((resolve, reject) => {
    server.on('error', reject);
    server.listen(port, 'localhost', resolve);
  });
  return server;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [folder = join(HERE, 'dist'), port = '8000'] = process.argv.slice(2);
  await serve(folder, Number(port));
  console.log(`http://localhost:${port}`);
}
