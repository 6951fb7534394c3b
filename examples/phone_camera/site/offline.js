// Keeps the page on the device.

import {wasmBuild} from './editor.js';

/**
 * Stores all files of the page, so that it opens without a network.
 *
 * @return {Promise<boolean>} whether they are; a browser may have no room,
 *     or keep nothing in a private window.
 */
export async function keepOffline() {
  try {
    const build = await wasmBuild();
    await navigator.serviceWorker.register(
        `service_worker.js?wasm=${build}`, {updateViaCache: 'none'});
    await navigator.serviceWorker.ready;
    return true;
  } catch (error) {
    console.error(error);
    return false;
  }
}
