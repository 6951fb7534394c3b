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

// Counts starts and stops: a camera that takes its time may come too late.
let latest = 0;

/**
 * Starts a camera.
 *
 * @param {HTMLVideoElement} video that plays it.
 * @param {string} facing 'user' or 'environment'.
 * @return {Promise<string>} where it faces, '' if that is not known.
 * @throws {Refused} if there is none, or the person or system says no.
 */
export async function startCamera(video, facing) {
  stopCamera(video);
  const mine = latest;
  if (!navigator.mediaDevices) {
    throw new Refused(
        'Browsers give the camera to pages on https or localhost only. ' +
        'You can choose a photo.');
  }
  try {
    const stream = await navigator.mediaDevices.getUserMedia({
      video: {width: {ideal: 640}, height: {ideal: 480}, facingMode: facing},
      audio: false,
    });
    if (mine !== latest) return stop(stream);
    video.srcObject = stream;
    await video.play();
    return stream.getVideoTracks()[0].getSettings().facingMode ?? '';
  } catch (error) {
    if (mine !== latest) return '';
    stopCamera(video);
    throw new Refused(
        MESSAGES[error.name] ?? `The camera does not start: ${error.message}`);
  }
}

/** Stops a camera, and its light. */
export function stopCamera(video) {
  latest += 1;
  if (video.srcObject) stop(video.srcObject);
  video.srcObject = null;
}

function stop(stream) {
  for (const track of stream.getTracks()) track.stop();
  return '';
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
