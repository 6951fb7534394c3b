// The page: wires camera, words and networks together.

import {openPhoto, startCamera, stopCamera} from './camera.js';
import {openEditor} from './editor.js';
import {drawOval, guide} from './guide.js';
import {keepOffline} from './offline.js';
import {Refused} from './refused.js';
import {holdToTalk, languageOnDevice} from './speech.js';
import {Stage} from './stage.js';
import {Suggestions} from './suggestions.js';

const $ = (id) => document.getElementById(id);

const stage = new Stage($('stage'), $('video'));
let editor = null;
let suggestions = null;
let groups = [];
let facing = 'user';
let broken = false;

/** What people are to read of an error. */
function message(error) {
  if (error instanceof Refused) return error.message;
  console.error(error);
  return `Something went wrong: ${error.message}`;
}

/** Says that nothing works, and why. */
function fail(error) {
  stopCamera($('video'));
  trouble(message(error), true);
  $('state').textContent = 'Not ready';
}

/** Says something below the words. */
function tell(text) {
  $('reading').textContent = text;
}

// Camera and photos

/** Covers the picture with a message; for good if nothing helps. */
function trouble(text, forGood = false) {
  if (broken) return;
  broken = forGood;
  $('trouble').hidden = !text;
  $('trouble').querySelector('p').textContent = text;
  $('again').hidden = $('choose').hidden = forGood;
  $('shutter').disabled = $('flip').disabled = Boolean(text);
}

function showControls(still) {
  for (const id of ['shutter', 'flip']) $(id).hidden = still;
  for (const id of ['live', 'save', 'zooming']) $(id).hidden = !still;
  $('share').hidden = !still || !navigator.canShare?.({files: [file()]});
  $('zoom').value = 1;
  $('rate').textContent = $('face').textContent = '';
}

async function showCamera() {
  trouble('');
  showControls(false);
  stage.show(null, facing === 'user');
  try {
    const found = await startCamera($('video'), facing);
    if (found) stage.mirror(found === 'user');
    $('flip').hidden = stage.still !== null || await countCameras() < 2;
  } catch (error) {
    trouble(message(error));
  }
}

async function countCameras() {
  const devices = await navigator.mediaDevices.enumerateDevices();
  return devices.filter(({kind}) => kind === 'videoinput').length;
}

async function showPhoto(chosen) {
  try {
    stage.show(await openPhoto(chosen));
    stopCamera($('video'));
    trouble('');
    showControls(true);
  } catch (error) {
    tell(message(error));
  }
}

async function takePicture() {
  if (!$('video').videoWidth) return;
  await stage.hold();
  stopCamera($('video'));
  showControls(true);
}

$('again').addEventListener('click', showCamera);
$('live').addEventListener('click', showCamera);
$('shutter').addEventListener('click', takePicture);
$('flip').addEventListener('click', () => {
  facing = facing === 'user' ? 'environment' : 'user';
  showCamera();
});
$('photo').addEventListener('change', ({target}) => {
  if (target.files.length) showPhoto(target.files[0]);
  target.value = '';
});
$('zoom').addEventListener('input', ({target}) =>
  stage.zoomTo(Number(target.value)));
// A camera that nobody looks at is switched off.
document.addEventListener('visibilitychange', () => {
  if (stage.still) return;
  if (document.hidden) stopCamera($('video'));
  else showCamera();
});

// Words

function readWords() {
  const text = $('words').value;
  $('clear').hidden = !text;
  groups = [];
  let told = '';
  if (text.trim()) {
    try {
      const {groups: found, rest} = editor.reader.read(text);
      groups = found;
      if (rest.length) told = `Not understood: ${unknown(rest)}.`;
    } catch (error) {
      told = message(error);
    }
  }
  tell(told);
  suggestions.show(text);
  stage.changed = true;
}

function unknown(words) {
  const some = [...new Set(words)];
  const more = some.length > 5 ? ` and ${some.length - 5} more` : '';
  return some.slice(0, 5).map((word) => word.slice(0, 30)).join(', ') + more;
}

function say(text) {
  $('words').value = text;
  readWords();
}

function listen() {
  $('words').addEventListener('input', readWords);
  $('words').addEventListener('keydown', (event) => {
    if (event.key === 'Enter') event.target.blur();
  });
  $('clear').addEventListener('click', () => say(''));
  $('strength').addEventListener('input', () => {
    $('amount').textContent = `${Math.round(100 * $('strength').value)} %`;
    stage.changed = true;
  });
}

for (const view of document.querySelectorAll('[name=view]')) {
  view.addEventListener('change', () => stage.view(view.value));
}

// Save and share

function file(content = []) {
  return new File(content, 'face.png', {type: 'image/png'});
}

$('save').addEventListener('click', async () => {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(await stage.seen());
  link.download = file().name;
  link.click();
  // The browser reads it after the click.
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
});
$('share').addEventListener('click', async () => {
  try {
    await navigator.share({files: [file([await stage.seen()])]});
  } catch (error) {
    if (error.name !== 'AbortError') tell(message(error));
  }
});

// Networks

async function edit() {
  if (editor.locates) {
    const found = await editor.locate(stage.pixels(editor.frameSize));
    const {face, hint} = guide(found, stage.mirrored);
    $('face').textContent = hint;
    if (!face) return false;
  }
  if (!groups.length) return false;
  const latents = await editor.encode(stage.pixels(editor.size));
  const moved = await editor.edit(latents, groups, Number($('strength').value));
  stage.drawAfter(await editor.synthesize(moved));
  return true;
}

async function run() {
  let count = 0;
  let since = performance.now();
  for (;;) {
    await new Promise(requestAnimationFrame);
    if (stage.draw()) {
      const edited = editor !== null && await edit();
      stage.cover(edited);
      count += edited;
    }
    const passed = performance.now() - since;
    if (passed < 1000) continue;
    $('rate').textContent =
      count && !stage.still ? `${Math.round(1000 * count / passed)} fps` : '';
    count = 0;
    since = performance.now();
  }
}

async function load() {
  const response = await fetch('editor.tflite');
  if (!response.ok) {
    throw new Refused('The file of the networks, editor.tflite, is missing.');
  }
  return openEditor(new Uint8Array(await response.arrayBuffer()));
}

async function start() {
  try {
    editor = await load();
  } catch (error) {
    fail(error);
    return;
  }
  drawOval($('oval'), editor.facts.places);
  suggestions = new Suggestions($('suggestions'), editor.reader, say);
  listen();
  readWords();
  $('state').textContent = 'On this device only';
  const lang = await languageOnDevice();
  if (lang) {
    $('talk').hidden = false;
    holdToTalk($('talk'), lang, say, tell);
  }
  if (await keepOffline()) {
    $('state').textContent = 'On this device, works offline';
  }
}

showCamera();
start();
run().catch(fail);
