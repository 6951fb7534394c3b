// Names to tap, of the file's own vocabulary.

/** A row of buttons that put names into a text and take them out. */
export class Suggestions {
  /**
   * @param {HTMLElement} element that holds them.
   * @param {Reader} reader
   * @param {function(string)} say gets the text after a tap.
   */
  constructor(element, reader, say) {
    this.reader = reader;
    this.buttons = new Map();
    for (const name of reader.known) {
      const button = document.createElement('button');
      button.type = 'button';
      button.textContent = reader.phrase(name);
      button.addEventListener('click', () => say(this.tapped(name)));
      this.buttons.set(name, button);
      element.append(button);
    }
  }

  /** Marks what a text names. */
  show(text) {
    this.text = text;
    const found = new Map();
    for (const {name, denied} of this.reader.find(text).found) {
      found.set(name, denied || found.get(name) === true);
    }
    for (const [name, button] of this.buttons) {
      button.ariaPressed = found.get(name) === false;
      button.classList.toggle('denied', found.get(name) === true);
    }
  }

  /** The text with a name more, or less if it was there. */
  tapped(name) {
    const {facts: {attributes}} = this.reader;
    const {group} = attributes[name];
    const {found} = this.reader.find(this.text);
    const there = found.some((one) => one.name === name);
    const goes = (one) => one.name === name ||
      (!there && group && attributes[one.name].group === group);
    let {text} = this;
    // From the end, so that places stay right.
    for (const {start, end} of found.filter(goes).reverse()) {
      text = text.slice(0, start) + text.slice(end);
    }
    const parts = text.split(',').map((part) => part.trim()).filter(Boolean);
    if (!there) parts.push(this.reader.phrase(name));
    return parts.join(', ');
  }
}
