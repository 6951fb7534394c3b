// Drives the page in a headless Chromium: the test calls it.
//
// node drive.mjs SCENARIO JSON, with `chromium`, the program; `site`, a folder
// of `npm run build`; `camera`, a .y4m film, 'pattern' for one of Chromium's
// own, or null; and what a scenario takes.
// Prints JSON.

import {chromium} from 'playwright-core';

import {serve} from './serve.mjs';

const [scenario, json] = process.argv.slice(2);
const given = JSON.parse(json);
const WORDS = 'smiling woman with glasses';

const server = await serve(given.site, 0);
const origin = `http://localhost:${server.address().port}`;
const browser = await chromium.launch({
  executablePath: given.chromium,
  args: [
    '--no-sandbox', '--disable-background-networking',
    ...given.camera ? ['--use-fake-device-for-media-stream'] : [],
    ...given.camera && given.camera !== 'pattern' ?
      [`--use-file-for-fake-video-capture=${given.camera}`] : [],
  ],
});

/** Opens the page as on a phone; `requests` gets all addresses. */
async function open({allowed = true, script = ''} = {}) {
  const context = await browser.newContext({
    viewport: {width: 390, height: 844}, deviceScaleFactor: 2,
    isMobile: true, hasTouch: true, permissions: allowed ? ['camera'] : [],
  });
  const requests = [];
  context.on('request', (request) => requests.push(request.url()));
  const page = await context.newPage();
  await page.addInitScript(script);
  await page.goto(origin);
  return {context, page, requests};
}

/** Waits for a function of the page, and gives what it gives. */
async function until(page, wanted) {
  for (let n = 0; n < 300; n++) {
    const found = await page.evaluate(wanted);
    if (found) return found;
    await page.waitForTimeout(100);
  }
  await page.screenshot({path: `${given.site}/failed.png`});
  throw new Error(`Waited too long for ${wanted}`);
}

const text = (page, selector) => page.textContent(selector);
const ready = (page) => until(
    page, () => document.querySelector('#suggestions button') !== null);
const stored = (page) => until(page, () =>
  document.querySelector('#state').textContent.includes('works offline'));
const edited = (page) => until(page, () =>
  document.querySelector('#stage').classList.contains('edited'));
const trouble = (page) => until(page, () =>
  document.querySelector('#trouble:not([hidden]) p')?.textContent);

/** Bytes of a canvas, or of what the page last gave to the networks. */
const bytes = (page, id) => page.evaluate((id) => {
  const canvas = document.getElementById(id);
  const {data} = !canvas ? window.given :
    canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
  return btoa(String.fromCharCode(...data));
}, id);
const RECORD = `
  const read = CanvasRenderingContext2D.prototype.getImageData;
  CanvasRenderingContext2D.prototype.getImageData = function(...place) {
    const picture = read.apply(this, place);
    if (!this.canvas.id) window.given = picture;
    return picture;
  };`;

/** Live frames in a second. */
async function speed(page) {
  await stored(page);
  await page.fill('#words', WORDS);
  await edited(page);
  // The first runs are slow: the browser still compiles.
  await page.waitForTimeout(4000);
  return parseFloat(await text(page, '#rate'));
}

const scenarios = {
  async speed() {
    const {page} = await open();
    return {rate: await speed(page)};
  },

  async edits() {
    const {context, page, requests} = await open({script: RECORD});
    const rate = await speed(page);
    await page.screenshot({path: `${given.site}/live.png`});
    await page.click('#shutter');
    await page.waitForTimeout(500);
    const found = {
      rate, frame: await bytes(page), after: await bytes(page, 'after'),
    };
    await page.fill('#strength', '0.5');
    await page.waitForTimeout(500);
    found.half = await bytes(page, 'after');
    await page.click('text=Half');
    const download = page.waitForEvent('download');
    await page.click('#save');
    await (await download).saveAs(`${given.site}/saved.png`);
    await page.screenshot({path: `${given.site}/still.png`});
    const width = await page.evaluate(() => document.body.scrollWidth);
    const session = await context.newCDPSession(page);
    const {installabilityErrors} =
      await session.send('Page.getInstallabilityErrors');
    const blocked = await page.evaluate(async () => {
      const fails = async (run) => {
        try {
          await run();
          return false;
        } catch {
          return true;
        }
      };
      return {
        request: await fails(() => fetch('http://127.0.0.1:1/')),
        // Later: while the driver evaluates, code is allowed.
        code: await new Promise((resolve) => setTimeout(
            () => fails(() => Function('')()).then(resolve))),
      };
    });
    await context.close();
    return {
      ...found, width, blocked, requests, origin,
      // The driver's windows are private ones.
      uninstallable: installabilityErrors.map(({errorId}) => errorId)
          .filter((name) => name !== 'in-incognito'),
    };
  },

  async offline() {
    const {page} = await open();
    await stored(page);
    server.close();
    server.closeAllConnections();
    await page.reload();
    await ready(page);
    await page.fill('#words', WORDS);
    return {edited: await edited(page)};
  },

  async camera() {
    const {page} = await open({allowed: given.allowed});
    const told = await trouble(page);
    await ready(page);
    await page.setInputFiles('#photo', given.photo);
    await page.fill('#words', WORDS);
    return {told, edited: await edited(page)};
  },

  async words() {
    const {page} = await open();
    await ready(page);
    const told = {};
    for (const words of given.words) {
      await page.fill('#words', words);
      told[words] = await text(page, '#reading');
    }
    await page.fill('#words', 'no glasses');
    const taps = [];
    for (const name of given.taps) {
      await page.click(`#suggestions >> text="${name}"`);
      taps.push(await page.inputValue('#words'));
    }
    return {
      told, taps, pressed: await page.$$eval(
          '#suggestions [aria-pressed=true]',
          (all) => all.map((button) => button.textContent)),
    };
  },

  async photos() {
    const {page} = await open();
    await ready(page);
    await page.fill('#words', WORDS);
    const told = [];
    for (const photo of given.photos) {
      await page.setInputFiles('#photo', photo);
      await page.waitForTimeout(1000);
      told.push([
        await text(page, '#face'), await text(page, '#reading'),
        await page.isVisible('#after'),
      ]);
    }
    return {told};
  },

  async moves() {
    const {page} = await open();
    await ready(page);
    await page.setInputFiles('#photo', given.photo);
    await page.fill('#zoom', '4');
    const middle = async () => {
      await page.waitForTimeout(300);
      return page.$eval('#before', (canvas) =>
        [...canvas.getContext('2d').getImageData(256, 256, 1, 1).data]);
    };
    await page.focus('#stage');
    for (let n = 0; n < 40; n++) await page.keyboard.press('ArrowRight');
    const right = await middle();
    await page.hover('#stage');
    await page.mouse.down();
    for (let x = 1; x < 20; x++) await page.mouse.move(200 + 100 * x, 200);
    await page.mouse.up();
    return {right, left: await middle()};
  },

  // A browser that hears on the device and shares files is not to be had.
  async talks() {
    const {page} = await open({script: `
      window.SpeechRecognition = class {
        static async available() {
          return '${given.available}';
        }
        get processLocally() {}
        set processLocally(value) {
          window.local = value;
        }
        start() {
          const words = [{transcript: 'no beer'}];
          setTimeout(() => this.onresult({results: [words]}));
        }
        stop() {
          this.onend();
        }
      };
      navigator.canShare = ({files}) => files[0].type === 'image/png';
      navigator.share = async ({files}) => window.shared = files[0].size;`});
    await ready(page);
    await page.waitForTimeout(500);
    if (!await page.isVisible('#talk')) return {talks: false};
    await page.hover('#talk');
    await page.mouse.down();
    await until(page, () => document.querySelector('#words').value);
    await page.mouse.up();
    const heard = await page.inputValue('#words');
    const told = await text(page, '#reading');
    await page.fill('#words', 'no beard');
    await edited(page);
    await page.click('#shutter');
    await page.click('#share');
    const shared = await until(page, () => window.shared);
    const local = await page.evaluate(() => window.local);
    return {
      talks: true, heard, told, shared, local,
      corrected: await text(page, '#reading'),
    };
  },

  async refuses() {
    const {page} = await open();
    await until(page, () =>
      document.querySelector('#state').textContent === 'Not ready');
    return {told: await trouble(page)};
  },
};

try {
  console.log(JSON.stringify(await scenarios[scenario]()));
} finally {
  await browser.close();
  server.close();
}
