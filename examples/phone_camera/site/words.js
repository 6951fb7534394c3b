// Reads what a text asks for, as `reading` in the facts of the file says.

import {Refused} from './refused.js';

// Writings that put no spaces between words: every character is a word.
const UNSPACED =
  '(?=[\\p{L}\\p{M}\\p{N}])[\\p{sc=Hani}\\p{sc=Hira}\\p{sc=Kana}' +
  '\\p{sc=Thai}\\p{sc=Laoo}\\p{sc=Khmr}]';
const WORD = new RegExp(
    `${UNSPACED}|(?:(?!${UNSPACED})[\\p{L}\\p{M}\\p{N}])+`, 'gu');
const LETTER = '[a-z0-9]';

/** Finds the attributes that a text names. */
export class Reader {
  /** @param {Object} facts metadata of the file. */
  constructor(facts) {
    this.facts = facts;
    this.around = new Set(facts.around);
    this.known = new Set(facts.known);
    this.rows =
      new Map(facts.words.map((word, n) => [word, facts.first_row + n]));
    this.names = new Map();
    for (const [name, {phrases}] of Object.entries(facts.attributes)) {
      for (const phrase of phrases) this.names.set(phrase, name);
    }
    const phrases = [...this.names.keys()]
        .sort((a, b) => b.length - a.length).map(pattern).join('|');
    this.pattern =
      new RegExp(`(?<no>${facts.denial})?(?<phrase>${phrases})`, 'g');
  }

  /**
   * Every place of a text that names an attribute.
   *
   * @param {string} text
   * @return {{found: Array, rest: Array<string>}} `found` has name, denied,
   *     start and end of each; `rest` the words that were not understood.
   */
  find(text) {
    const lower = lowered(text);
    const found = [];
    const rest = [];
    let last = 0;
    for (const match of lower.matchAll(this.pattern)) {
      this.between(lower.slice(last, match.index), rest);
      last = match.index + match[0].length;
      found.push({
        name: this.names.get(match.groups.phrase.replace(/[\s-]+/g, ' ')),
        denied: match.groups.no !== undefined,
        start: match.index,
        end: last,
      });
    }
    this.between(lower.slice(last), rest);
    return {found, rest};
  }

  between(text, rest) {
    for (const [word] of text.matchAll(WORD)) {
      if (!this.around.has(word)) rest.push(word);
    }
  }

  /** The phrase by which the networks know an attribute. */
  phrase(name) {
    return this.facts.attributes[name].phrases[0];
  }

  /**
   * What `edit` is to be run with.
   *
   * @param {string} text
   * @return {{asked: Map, groups: Array, rest: Array<string>}} `asked` is
   *     name -> whether the text wants it; `groups` has `words`, an
   *     Int32Array, and `sign` for every run; `rest` was not understood.
   * @throws {Refused} if it names nothing known, or what excludes itself.
   */
  read(text) {
    const {found, rest} = this.find(text);
    const denied = new Set(found.filter((f) => f.denied).map((f) => f.name));
    const asked = new Map();
    for (const name of new Set(found.map((f) => f.name))) {
      if (this.known.has(name)) asked.set(name, !denied.has(name));
      else rest.push(this.phrase(name));
    }
    this.checkGroups(asked);
    if (!asked.size) {
      throw new Refused(
          `${quoted(text)} names nothing that I can change. ` +
          'Tap a suggestion, or say it in other words.');
    }
    return {asked, rest, groups: this.groups(asked)};
  }

  checkGroups(asked) {
    const first = new Map();
    for (const [name, wanted] of asked) {
      const {group} = this.facts.attributes[name];
      if (!group || !wanted) continue;
      if (first.has(group)) {
        throw new Refused(
            `A face cannot be both ${first.get(group)} and ` +
            `${this.phrase(name)}. Name one of them.`);
      }
      first.set(group, this.phrase(name));
    }
  }

  groups(asked) {
    const {most_names: most, max_length: length} = this.facts;
    const groups = [];
    for (const wanted of [true, false]) {
      const names = [...asked.keys()].filter((n) => asked.get(n) === wanted);
      for (let start = 0; start < names.length; start += most) {
        const some = names.slice(start, start + most);
        const words = new Int32Array(length);
        words.set(some.flatMap((name) => this.phrase(name).split(' '))
            .map((word) => this.rows.get(word)));
        groups.push({words, sign: wanted ? 1 : -1});
      }
    }
    return groups;
  }
}

/** A text for a message, cut where it is long. */
export function quoted(text) {
  return `“${text.length > 60 ? `${text.slice(0, 60)}…` : text}”`;
}

/** Lower case; what Python counts as white space, and nothing else. */
function lowered(text) {
  return text.toLowerCase().replaceAll('’', '\'')
      .replace(/[\x1c-\x1f\x85]/g, ' ').replaceAll('\ufeff', '\0');
}

/** A regular expression for a phrase between other text. */
function pattern(phrase) {
  const ascii = (character) => character.charCodeAt(0) < 128;
  const spelled = phrase.split(' ')
      .map((word) => word.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'))
      .join('[\\s-]+');
  const before = ascii(phrase[0]) ? `(?<!${LETTER})` : '';
  const after = ascii(phrase.at(-1)) ? `(?!${LETTER})` : '';
  return before + spelled + after;
}
