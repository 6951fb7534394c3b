// Keeps the page on the device.

import {wasmBuild} from './editor.js';

/**
 * Stores all files of the page, so that it opens without a network.
 *
 * @param {function()} done is called when they are stored.
 */
export async function keepOffline(done) {
  if (!navigator.serviceWorker) return;
  const build = await wasmBuild();
  await navigator.serviceWorker.register(
      `service_worker.js?wasm=${build}`, {updateViaCache: 'none'});
  await navigator.serviceWorker.ready;
  done();
}
