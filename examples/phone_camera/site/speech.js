// Hold to talk, only where the browser hears speech on the device itself.

const LANGUAGES = ['en-US', 'zh-CN'];

/**
 * The language in which speech is heard on the device.
 *
 * Many browsers send speech to a server. Those that can do without say so,
 * and can be told to.
 *
 * @return {Promise<?string>} null where there is none.
 */
export async function languageOnDevice() {
  const Recognition = globalThis.SpeechRecognition;
  if (!Recognition?.available ||
      !('processLocally' in Recognition.prototype)) {
    return null;
  }
  const lang = LANGUAGES.find(
      (one) => one.slice(0, 2) === navigator.language.slice(0, 2));
  if (!lang) return null;
  try {
    const found = await Recognition.available(
        {langs: [lang], processLocally: true});
    return found === 'available' ? lang : null;
  } catch {
    return null;  // As where a policy forbids it.
  }
}

/**
 * Makes a button that listens while it is held.
 *
 * @param {HTMLElement} button
 * @param {string} lang
 * @param {function(string)} heard gets the words.
 * @param {function(string)} failed gets a message.
 */
export function holdToTalk(button, lang, heard, failed) {
  let recognition = null;
  const start = (event) => {
    event.preventDefault();
    if (recognition) return;
    recognition = new globalThis.SpeechRecognition();
    recognition.lang = lang;
    recognition.processLocally = true;
    recognition.interimResults = true;
    recognition.onresult = ({results}) =>
      heard([...results].map((result) => result[0].transcript).join(' '));
    recognition.onerror = ({error}) => failed(
      error === 'not-allowed' ? 'The microphone was refused. You can type.' :
      error === 'no-speech' ? 'I heard nothing. Hold the button and speak.' :
      'That was not heard. You can type.');
    recognition.onend = () => {
      recognition = null;
      button.classList.remove('on');
    };
    button.classList.add('on');
    recognition.start();
  };
  const stop = () => recognition?.stop();
  button.addEventListener('pointerdown', (event) => {
    // So that letting go is noticed beside the button too.
    button.setPointerCapture(event.pointerId);
    start(event);
  });
  for (const name of ['pointerup', 'pointercancel', 'blur', 'keyup']) {
    button.addEventListener(name, stop);
  }
  button.addEventListener('keydown', (event) => {
    if (event.key === ' ' || event.key === 'Enter') start(event);
  });
}
