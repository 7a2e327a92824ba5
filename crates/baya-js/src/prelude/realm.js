// Takes away what a script must not see, seeds randomness, and closes every road from text to code.
(p, host) => {
  const { hide, lock, defineProperty, getPrototypeOf } = p;

  const ALLOWED = [
    'AggregateError', 'Array', 'ArrayBuffer', 'BigInt', 'BigInt64Array', 'BigUint64Array', 'Boolean', 'DOMException',
    'DataView', 'Date', 'Error', 'EvalError', 'Float16Array', 'Float32Array', 'Float64Array', 'Function', 'Infinity',
    'Int16Array', 'Int32Array', 'Int8Array', 'InternalError', 'Iterator', 'JSON', 'Map', 'Math', 'NaN', 'Number',
    'Object', 'Promise', 'Proxy', 'RangeError', 'ReferenceError', 'Reflect', 'RegExp', 'Set', 'String',
    'SuppressedError', 'Symbol', 'SyntaxError', 'TypeError', 'URIError', 'Uint16Array', 'Uint32Array', 'Uint8Array',
    'Uint8ClampedArray', 'WeakMap', 'WeakSet', 'decodeURI', 'decodeURIComponent', 'encodeURI', 'encodeURIComponent',
    'escape', 'eval', 'globalThis', 'isFinite', 'isNaN', 'parseFloat', 'parseInt', 'queueMicrotask', 'undefined',
    'unescape',
  ];

  const sweepGlobals = () => {
    const allowed = p.create(null);
    for (let i = 0; i < ALLOWED.length; i++) allowed[ALLOWED[i]] = true;
    const names = p.ownKeys(globalThis);
    for (let i = 0; i < names.length; i++) {
      if (typeof names[i] === 'string' && !allowed[names[i]]) delete globalThis[names[i]];
    }
  };

  const refuseCode = (name) =>
    new p.EvalError(`\`${name}\` is not available: a script cannot make code from text`);

  // Each of the four kinds of function leads to a constructor that compiles text.
  const closeCompilers = () => {
    const samples = [function () {}, function* () {}, async function () {}, async function* () {}];
    const names = ['Function', 'GeneratorFunction', 'AsyncFunction', 'AsyncGeneratorFunction'];
    let base;
    for (let i = 0; i < samples.length; i++) {
      const name = names[i];
      const proto = getPrototypeOf(samples[i]);
      const refuse = function () {
        throw refuseCode(name);
      };
      hide(refuse, 'name', name);
      lock(refuse, 'prototype', proto);
      lock(proto, 'constructor', refuse);
      if (i === 0) base = refuse;
      else p.setPrototypeOf(refuse, base);
    }
    hide(globalThis, 'Function', base);
    hide(globalThis, 'eval', { eval() { throw refuseCode('eval'); } }.eval);
  };

  const closeErrors = () => {
    delete p.Error.prepareStackTrace;
    delete p.Error.stackTraceLimit;
  };

  // `await` on our own promises reads `constructor`; a script cannot stand in between.
  const closePromises = () => {
    lock(p.Promise.prototype, 'constructor', p.Promise);
    const species = p.getOwnPropertyDescriptor(p.Promise, Symbol.species).get;
    const fixed = { __proto__: null, get: species, enumerable: false, configurable: false };
    defineProperty(p.Promise, Symbol.species, fixed);
  };

  // sfc32 (Chris Doty-Humphrey, PractRand): 32-bit operations only, the same on every machine.
  const seedRandom = () => {
    let a = host.seed0 | 0, b = host.seed1 | 0, c = host.seed2 | 0, d = 1;
    const next = () => {
      const t = (((a + b) | 0) + d) | 0;
      d = (d + 1) | 0;
      a = b ^ (b >>> 9);
      b = (c + (c << 3)) | 0;
      c = ((c << 21) | (c >>> 11)) + t | 0;
      return t >>> 0;
    };
    for (let i = 0; i < 12; i++) next();
    hide(Math, 'random', { random() { return (next() * 0x200000 + (next() >>> 11)) / 0x20000000000000; } }.random);
  };

  sweepGlobals();
  closeCompilers();
  closeErrors();
  closePromises();
  seedRandom();
}
