// Pictures from the camera or a file.

import {Refused} from './refused.js';

const MESSAGES = {
  NotFoundError: 'No camera was found. You can choose a photo.',
  OverconstrainedError: 'No camera was found. You can choose a photo.',
  NotAllowedError:
    'The camera was refused. Allow it in the settings of the browser for ' +
    'this page, or choose a photo.',
  NotReadableError: 'Another program uses the camera. Close it, or choose ' +
    'a photo.',
};

/**
 * Starts a camera.
 *
 * @param {HTMLVideoElement} video that plays it.
 * @param {string} facing 'user' or 'environment'.
 * @throws {Refused} if there is none, or the person or system says no.
 */
export async function startCamera(video, facing) {
  stopCamera(video);
  if (!navigator.mediaDevices) {
    throw new Refused(
        'Browsers give the camera to pages on https or localhost only. ' +
        'You can choose a photo.');
  }
  try {
    video.srcObject = await navigator.mediaDevices.getUserMedia({
      video: {width: {ideal: 1280}, height: {ideal: 720}, facingMode: facing},
      audio: false,
    });
    await video.play();
  } catch (error) {
    stopCamera(video);
    throw new Refused(
        MESSAGES[error.name] ?? `The camera does not start: ${error.message}`);
  }
}

/** Stops a camera, and its light. */
export function stopCamera(video) {
  video.srcObject?.getTracks().forEach((track) => track.stop());
  video.srcObject = null;
}

/**
 * A photo of a file, turned as it says.
 *
 * @param {File} file
 * @return {Promise<ImageBitmap>}
 * @throws {Refused} if it is no picture.
 */
export async function openPhoto(file) {
  try {
    return await createImageBitmap(file);
  } catch {
    throw new Refused(`${file.name} is no picture that this browser opens.`);
  }
}
