// Pure functions of the web (C11). They hold nothing of the bridge: whoever breaks the methods they use
// breaks only them, so this file is written in the ordinary way.
(p, host) => {
  const { wellFormed, parse, stringify, isObject } = p;
  const text = (x) => wellFormed(`${x}`);

  // ---- URL, URLSearchParams

  let readQuery;
  let linkQuery;
  class URLSearchParams {
    #pairs = [];
    #changed;
    static {
      readQuery = (query, search) => {
        query.#pairs = parse(host.formParse(search));
      };
      linkQuery = (query, changed) => {
        query.#changed = changed;
      };
    }
    constructor(init) {
      if (init === undefined || init === null) return;
      if (!isObject(init)) {
        const given = text(init);
        this.#pairs = parse(host.formParse(given[0] === '?' ? given.slice(1) : given));
      } else if (typeof init[Symbol.iterator] === 'function') {
        for (const pair of init) {
          const both = [...pair];
          if (both.length !== 2) throw new TypeError('URLSearchParams: each pair must have two elements');
          this.#pairs.push([text(both[0]), text(both[1])]);
        }
      } else {
        for (const name of Object.keys(init)) this.#pairs.push([text(name), text(init[name])]);
      }
    }
    #touch() {
      this.#changed?.(this.toString());
    }
    get size() {
      return this.#pairs.length;
    }
    append(name, value) {
      this.#pairs.push([text(name), text(value)]);
      this.#touch();
    }
    delete(name, value) {
      const [n, v] = [text(name), value === undefined ? undefined : text(value)];
      this.#pairs = this.#pairs.filter((pair) => pair[0] !== n || (v !== undefined && pair[1] !== v));
      this.#touch();
    }
    get(name) {
      const n = text(name);
      return this.#pairs.find((pair) => pair[0] === n)?.[1] ?? null;
    }
    getAll(name) {
      const n = text(name);
      return this.#pairs.filter((pair) => pair[0] === n).map((pair) => pair[1]);
    }
    has(name, value) {
      const [n, v] = [text(name), value === undefined ? undefined : text(value)];
      return this.#pairs.some((pair) => pair[0] === n && (v === undefined || pair[1] === v));
    }
    set(name, value) {
      const [n, v] = [text(name), text(value)];
      const first = this.#pairs.find((pair) => pair[0] === n);
      if (first === undefined) this.#pairs.push([n, v]);
      else {
        first[1] = v;
        this.#pairs = this.#pairs.filter((pair) => pair === first || pair[0] !== n);
      }
      this.#touch();
    }
    sort() {
      this.#pairs.sort((a, b) => (a[0] < b[0] ? -1 : a[0] > b[0] ? 1 : 0));
      this.#touch();
    }
    forEach(callback, self) {
      for (const pair of this.#pairs) callback.call(self, pair[1], pair[0], this);
    }
    entries() {
      return this.#pairs.map((pair) => [pair[0], pair[1]]).values();
    }
    keys() {
      return this.#pairs.map((pair) => pair[0]).values();
    }
    values() {
      return this.#pairs.map((pair) => pair[1]).values();
    }
    [Symbol.iterator]() {
      return this.entries();
    }
    toString() {
      return host.formWrite(stringify(this.#pairs));
    }
    get [Symbol.toStringTag]() {
      return 'URLSearchParams';
    }
  }

  class URL {
    #href;
    #parts;
    #query;
    constructor(url, base) {
      const href = host.urlParse(text(url), base === undefined ? undefined : text(base));
      if (href === undefined) throw new TypeError(`Invalid URL: ${text(url)}`);
      this.#move(href);
    }
    static canParse(url, base) {
      return host.urlParse(text(url), base === undefined ? undefined : text(base)) !== undefined;
    }
    static parse(url, base) {
      return URL.canParse(url, base) ? new URL(url, base) : null;
    }
    #move(href) {
      this.#href = href;
      this.#parts = undefined;
      if (this.#query !== undefined) readQuery(this.#query, this.search.slice(1));
    }
    _part(name) {
      this.#parts ??= parse(host.urlParts(this.#href));
      return this.#parts[name];
    }
    _change(name, value) {
      this.#move(host.urlSet(this.#href, name, text(value)));
    }
    get href() {
      return this.#href;
    }
    set href(value) {
      const href = host.urlParse(text(value), undefined);
      if (href === undefined) throw new TypeError(`Invalid URL: ${text(value)}`);
      this.#move(href);
    }
    get searchParams() {
      if (this.#query === undefined) {
        this.#query = new URLSearchParams();
        readQuery(this.#query, this.search.slice(1));
        linkQuery(this.#query, (search) => {
          this.#href = host.urlSet(this.#href, 'search', search);
          this.#parts = undefined;
        });
      }
      return this.#query;
    }
    toString() {
      return this.#href;
    }
    toJSON() {
      return this.#href;
    }
    get [Symbol.toStringTag]() {
      return 'URL';
    }
  }
  const part = URL.prototype._part;
  const change = URL.prototype._change;
  delete URL.prototype._part;
  delete URL.prototype._change;
  const PARTS = 'protocol username password host hostname port pathname search hash origin'.split(' ');
  for (const name of PARTS) {
    Object.defineProperty(URL.prototype, name, {
      get() {
        return part.call(this, name);
      },
      set: name === 'origin' ? undefined : function (value) { change.call(this, name, value); },
      enumerable: true,
      configurable: true,
    });
  }

  // ---- text and bytes

  const bytesOf = (input) => {
    if (input === undefined) return new p.Uint8Array(0);
    if (input instanceof p.ArrayBuffer) return new p.Uint8Array(input);
    if (p.isView(input)) return new p.Uint8Array(input.buffer, input.byteOffset, input.byteLength);
    throw new TypeError('TextDecoder: give an ArrayBuffer or a view of one');
  };
  const characters = (bytes) => {
    let out = '';
    for (let i = 0; i < bytes.length; i += 8192) {
      out += p.apply(p.fromCharCode, undefined, bytes.subarray(i, i + 8192));
    }
    return out;
  };
  class TextEncoder {
    get encoding() {
      return 'utf-8';
    }
    encode(input = '') {
      return host.utf8Encode(text(input));
    }
    encodeInto(source, target) {
      let read = 0;
      let written = 0;
      for (const char of text(source)) {
        const bytes = host.utf8Encode(char);
        if (written + bytes.length > target.length) break;
        target.set(bytes, written);
        read += char.length;
        written += bytes.length;
      }
      return { read, written };
    }
  }
  class TextDecoder {
    #fatal;
    #ignoreBOM;
    constructor(label = 'utf-8', options = {}) {
      if (!['utf-8', 'utf8', 'unicode-1-1-utf-8'].includes(text(label).trim().toLowerCase())) {
        throw new RangeError(`TextDecoder: the encoding \`${text(label)}\` is not in this version`);
      }
      this.#fatal = Boolean(options.fatal);
      this.#ignoreBOM = Boolean(options.ignoreBOM);
    }
    get encoding() {
      return 'utf-8';
    }
    get fatal() {
      return this.#fatal;
    }
    get ignoreBOM() {
      return this.#ignoreBOM;
    }
    decode(input, options) {
      if (options?.stream) throw new TypeError('TextDecoder: `stream` is not in this version');
      const decoded = host.utf8Decode(characters(bytesOf(input)), this.#fatal);
      if (decoded === undefined) throw new TypeError('The encoded data was not valid utf-8');
      return !this.#ignoreBOM && decoded[0] === '\ufeff' ? decoded.slice(1) : decoded;
    }
  }

  const DIGITS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
  const badCharacter = (message) => new DOMException(message, 'InvalidCharacterError');
  const btoa = (input) => {
    const source = `${input}`;
    let out = '';
    for (let i = 0; i < source.length; i += 3) {
      let bits = 0;
      for (let j = 0; j < 3; j++) {
        const code = i + j < source.length ? source.charCodeAt(i + j) : 0;
        if (code > 255) throw badCharacter('btoa: a character is above U+00FF');
        bits = (bits << 8) | code;
      }
      const left = source.length - i;
      out += DIGITS[bits >> 18] + DIGITS[(bits >> 12) & 63];
      out += (left > 1 ? DIGITS[(bits >> 6) & 63] : '=') + (left > 2 ? DIGITS[bits & 63] : '=');
    }
    return out;
  };
  const atob = (input) => {
    let source = `${input}`.replace(/[\t\n\f\r ]/g, '');
    if (source.length % 4 === 0) source = source.replace(/==?$/, '');
    if (source.length % 4 === 1) throw badCharacter('atob: the text is not base64');
    let out = '';
    let bits = 0;
    let held = 0;
    for (const char of source) {
      const digit = DIGITS.indexOf(char);
      if (digit < 0) throw badCharacter('atob: the text is not base64');
      bits = ((bits << 6) | digit) & 0xffffff;
      held += 6;
      if (held >= 8) {
        held -= 8;
        out += p.fromCharCode((bits >> held) & 255);
      }
    }
    return out;
  };

  // ---- structuredClone

  const cannotClone = (what) => new DOMException(`a ${what} cannot be cloned`, 'DataCloneError');
  const ERRORS = { __proto__: null, Error, EvalError, RangeError, ReferenceError, SyntaxError, TypeError, URIError };
  const tag = (x) => Object.prototype.toString.call(x).slice(8, -1);
  const cloneError = (x, seen) => {
    const Kind = ERRORS[x.name] ?? Error;
    const error = new Kind(x.message);
    if ('cause' in x) p.hide(error, 'cause', clone(x.cause, seen));
    p.setStack(error, p.stackOf(x));
    seen.set(x, error);
    return error;
  };
  const cloneShell = (x, seen) => {
    if (p.isError(x)) return cloneError(x, seen);
    if (x instanceof p.ArrayBuffer) return p.bufferSlice(x, 0);
    if (p.isView(x)) {
      const buffer = clone(x.buffer, seen);
      return new x.constructor(buffer, x.byteOffset, x instanceof p.DataView ? x.byteLength : x.length);
    }
    switch (tag(x)) {
      case 'Date':
        return new Date(x.getTime());
      case 'RegExp':
        return new RegExp(x.source, x.flags);
      case 'Boolean':
      case 'Number':
      case 'String':
      case 'BigInt':
        return Object(x.valueOf());
      case 'Map':
        return new Map();
      case 'Set':
        return new Set();
      case 'Promise':
      case 'WeakMap':
      case 'WeakSet':
        throw cannotClone(tag(x));
      default:
        return Array.isArray(x) ? new Array(x.length) : {};
    }
  };
  const clone = (x, seen) => {
    if (typeof x === 'symbol' || typeof x === 'function') throw cannotClone(typeof x);
    if (!isObject(x)) return x;
    if (seen.has(x)) return seen.get(x);
    const copy = cloneShell(x, seen);
    seen.set(x, copy);
    if (copy instanceof Map) for (const [key, value] of x) copy.set(clone(key, seen), clone(value, seen));
    else if (copy instanceof Set) for (const value of x) copy.add(clone(value, seen));
    else if (Array.isArray(x) || tag(copy) === 'Object') {
      for (const key of Object.keys(x)) p.put(copy, key, clone(x[key], seen));
    }
    return copy;
  };
  const structuredClone = (value) => clone(value, new Map());

  p.methods(globalThis, { URL, URLSearchParams, TextEncoder, TextDecoder, atob, btoa, structuredClone });
}
