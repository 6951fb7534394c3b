// The picture on the page: a square of the camera or of a photo, before and
// after.

const KEYS = {
  ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1],
};

/** What is shown, and the square of it that the networks see. */
export class Stage {
  /**
   * @param {HTMLElement} element holds canvases `before` and `after`.
   * @param {HTMLVideoElement} video of the camera.
   */
  constructor(element, video) {
    this.element = element;
    this.video = video;
    this.before = element.querySelector('#before');
    this.after = element.querySelector('#after');
    this.frame = document.createElement('canvas');
    this.still = null;
    this.zoom = 1;
    this.middle = [0.5, 0.5];
    this.changed = false;
    this.listen();
  }

  /** Shows a photo, an `ImageBitmap`, or the camera, null. */
  show(still, mirrored = false) {
    this.still?.close();
    this.still = still;
    this.mirror(mirrored);
    this.element.classList.toggle('still', still !== null);
    this.element.tabIndex = still ? 0 : -1;
    this.middle = [0.5, 0.5];
    this.zoomTo(1);
  }

  /** Shows the picture as a mirror does, or not. */
  mirror(mirrored) {
    this.mirrored = mirrored;
    this.element.classList.toggle('mirrored', mirrored);
  }

  /** Holds the frame that the camera gives now. */
  async hold() {
    this.show(await createImageBitmap(this.video), this.mirrored);
  }

  /** Shows a part whose side is a share 1 / `zoom` of the largest square. */
  zoomTo(zoom) {
    this.zoom = zoom;
    this.changed = true;
  }

  /** Moves the picture by shares of the square. */
  move(x, y) {
    if (!this.still) return;
    const {width, height} = this.still;
    const side = Math.min(width, height) / this.zoom;
    const turn = this.mirrored ? -1 : 1;
    const within = (middle, all) => {
      const edge = side / 2 / all;
      return Math.min(1 - edge, Math.max(edge, middle));
    };
    this.middle = [
      within(this.middle[0] - turn * x * side / width, width),
      within(this.middle[1] - y * side / height, height),
    ];
    this.changed = true;
  }

  listen() {
    let last = null;
    this.element.addEventListener('pointerdown', (event) => {
      if (!this.still || event.target.closest('button')) return;
      this.element.setPointerCapture(event.pointerId);
      last = event;
    });
    this.element.addEventListener('pointermove', (event) => {
      if (!last || event.pointerId !== last.pointerId) return;
      const {clientWidth: size} = this.element;
      this.move((event.clientX - last.clientX) / size,
                (event.clientY - last.clientY) / size);
      last = event;
    });
    for (const name of ['pointerup', 'pointercancel']) {
      this.element.addEventListener(name, () => last = null);
    }
    this.element.addEventListener('keydown', (event) => {
      const way = KEYS[event.key];
      if (!way || !this.still) return;
      event.preventDefault();
      this.move(-way[0] / 20, -way[1] / 20);
    });
  }

  /** Chooses what is seen: 'before', 'both' or 'after'. */
  view(name) {
    this.element.classList.remove('before', 'both', 'after');
    this.element.classList.add(name);
    this.changed = true;
  }

  /** Covers the picture with what `drawAfter` drew, or not. */
  cover(covered) {
    if (!covered && this.has('edited')) this.changed = true;
    this.element.classList.toggle('edited', covered);
  }

  has(name) {
    return this.element.classList.contains(name);
  }

  /**
   * Draws `before`, where it is seen.
   *
   * @return {boolean} whether the picture is another than at the last call.
   */
  draw() {
    const {video} = this;
    if (!this.still) {
      if (!video.videoWidth || video.currentTime === this.time) return false;
      this.time = video.currentTime;
    } else if (!this.changed) {
      return false;
    }
    this.changed = false;
    if (!this.has('edited') || !this.has('after')) this.drawOn(this.before);
    return true;
  }

  /** RGBA bytes of the square, `size` pixels high and wide. */
  pixels(size) {
    this.frame.width = this.frame.height = size;
    const context = this.drawOn(this.frame, {willReadFrequently: true});
    return new Uint8Array(context.getImageData(0, 0, size, size).data.buffer);
  }

  drawOn(canvas, settings) {
    const source = this.still ?? this.video;
    const width = source.videoWidth ?? source.width;
    const height = source.videoHeight ?? source.height;
    const side = Math.min(width, height) / (this.still ? this.zoom : 1);
    const [x, y] = this.still ? this.middle : [0.5, 0.5];
    const left = Math.min(width - side, Math.max(0, x * width - side / 2));
    const top = Math.min(height - side, Math.max(0, y * height - side / 2));
    const context = canvas.getContext('2d', settings);
    context.imageSmoothingQuality = 'high';
    context.drawImage(source, left, top, side, side,
                      0, 0, canvas.width, canvas.height);
    return context;
  }

  /** Draws what the networks made, `ImageData`. */
  drawAfter(picture) {
    const {after} = this;
    if (after.width !== picture.width) {
      after.width = after.height = picture.width;
    }
    after.getContext('2d').putImageData(picture, 0, 0);
  }

  /**
   * What the page shows, as a PNG file.
   *
   * @return {Promise<Blob>}
   */
  seen() {
    const {before, after} = this;
    const canvas = document.createElement('canvas');
    const size = canvas.width = canvas.height = before.width;
    const context = canvas.getContext('2d');
    context.imageSmoothingQuality = 'high';
    const place = (picture) => {
      context.save();
      if (this.mirrored) context.setTransform(-1, 0, 0, 1, size, 0);
      context.drawImage(picture, 0, 0, size, size);
      context.restore();
    };
    place(before);
    if (this.has('edited') && !this.has('before')) {
      if (this.has('both')) {
        context.beginPath();
        context.rect(size / 2, 0, size / 2, size);
        context.clip();
      }
      place(after);
    }
    return new Promise((resolve) => canvas.toBlob(resolve, 'image/png'));
  }
}
