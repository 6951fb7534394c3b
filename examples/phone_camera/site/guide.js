// Leads a face to where the networks expect it.

// Above it a `locate` is sure of a face.
const SURE = 0.5;
// By how much of the square a face may be off, and of its size.
const OFF = 0.12;
const TIGHT = 1.3;

/**
 * Draws the oval that a face is to fill.
 *
 * @param {SVGEllipseElement} oval in a square of side 1.
 * @param {Array} places x and y of both eyes and corners of the mouth.
 */
export function drawOval(oval, [left, right, mouth]) {
  const apart = right[0] - left[0];
  const drop = mouth[1] - left[1];
  // A face is about two and a half times as wide as its eyes are apart; the
  // eyes are in the middle of a head, the mouth above a chin.
  const shape = {
    cx: (left[0] + right[0]) / 2,
    cy: left[1] + 0.25 * drop,
    rx: 1.15 * apart,
    ry: 1.4 * drop,
  };
  for (const [name, value] of Object.entries(shape)) {
    oval.setAttribute(name, value);
  }
}

/**
 * What to tell of a face that `locate` found.
 *
 * @param {{score: number, x: number, y: number, side: number}} found
 *     middle and side of the face's square, in shares of the picture.
 * @param {boolean} mirrored whether left is shown on the right.
 * @return {{face: boolean, hint: string}}
 */
export function guide({score, x, y, side}, mirrored) {
  if (score < SURE) {
    return {
      face: false,
      hint: 'I see no face. Bring one into the oval, upright and from the ' +
        'front.',
    };
  }
  const right = (x - 0.5) * (mirrored ? -1 : 1);
  const down = y - 0.5;
  const hint =
    side > TIGHT ? 'The face is too large.' :
    side < 1 / TIGHT ? 'The face is too small.' :
    right > OFF ? 'The face is too far right.' :
    right < -OFF ? 'The face is too far left.' :
    down > OFF ? 'The face is too low.' :
    down < -OFF ? 'The face is too high.' : '';
  return {face: true, hint};
}
