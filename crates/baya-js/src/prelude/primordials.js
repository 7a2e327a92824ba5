// What the prelude uses of the language, taken before any script runs. Nothing here looks a method up
// on a prototype later, so a script that overwrites `Array.prototype.map` or `JSON.stringify` harms
// only itself. Rules for every prelude file: no spread, no array destructuring, no for-of, no method
// calls on values; property descriptors have no prototype.
(() => {
  const { apply, construct, defineProperty, getOwnPropertyDescriptor, getPrototypeOf, ownKeys } = Reflect;
  const bind = Function.prototype.bind;
  const method = (f) => apply(bind, Function.prototype.call, [f]);
  const getter = (object, key) => method(getOwnPropertyDescriptor(object, key).get);

  const p = {
    __proto__: null,
    apply, construct, defineProperty, getOwnPropertyDescriptor, getPrototypeOf, ownKeys, method, getter,
    Array, ArrayBuffer, BigInt, Boolean, DataView, Date, Error, EvalError, Map, Number, Promise, RangeError,
    String, TypeError, Uint8Array, WeakMap,
    isArray: Array.isArray,
    isView: ArrayBuffer.isView,
    keys: Object.keys,
    freeze: Object.freeze,
    create: Object.create,
    setPrototypeOf: Reflect.setPrototypeOf,
    parse: JSON.parse,
    stringify: JSON.stringify,
    isFinite: Number.isFinite,
    trunc: Math.trunc,
    floor: Math.floor,
    abs: Math.abs,
    max: Math.max,
    min: Math.min,
    fromCharCode: String.fromCharCode,
    numberToString: method(Number.prototype.toString),
    bigintToString: method(BigInt.prototype.toString),
    numberValue: method(Number.prototype.valueOf),
    stringValue: method(String.prototype.valueOf),
    booleanValue: method(Boolean.prototype.valueOf),
    charCodeAt: method(String.prototype.charCodeAt),
    indexOf: method(String.prototype.indexOf),
    padStart: method(String.prototype.padStart),
    repeat: method(String.prototype.repeat),
    slice: method(String.prototype.slice),
    startsWith: method(String.prototype.startsWith),
    toLowerCase: method(String.prototype.toLowerCase),
    toUpperCase: method(String.prototype.toUpperCase),
    trimEnd: method(String.prototype.trimEnd),
    wellFormed: method(String.prototype.toWellFormed),
    mapGet: method(Map.prototype.get),
    mapSet: method(Map.prototype.set),
    mapDelete: method(Map.prototype.delete),
    weakGet: method(WeakMap.prototype.get),
    weakSet: method(WeakMap.prototype.set),
    nativeStack: getter(Error.prototype, 'stack'),
    dateValue: method(Date.prototype.getTime),
    regexTest: (regex, text) => p.regexExec(regex, text) !== null,
    regexExec: method(RegExp.prototype.exec),
    bufferSlice: method(ArrayBuffer.prototype.slice),
    isError: Error.isError ?? ((x) => x instanceof p.Error),
    isObject: (x) => (typeof x === 'object' && x !== null) || typeof x === 'function',
  };

  // An own data property, whatever setters a script put on a prototype.
  p.put = (object, key, value) =>
    defineProperty(object, key, { __proto__: null, value, writable: true, enumerable: true, configurable: true });
  p.push = (array, value) => p.put(array, array.length, value);
  p.hide = (object, key, value) =>
    defineProperty(object, key, { __proto__: null, value, writable: true, enumerable: false, configurable: true });
  p.lock = (object, key, value) =>
    defineProperty(object, key, { __proto__: null, value, writable: false, enumerable: false, configurable: false });

  // The stack that a script sees, without running what it may have put in its place.
  p.stackOf = (error) => {
    const own = getOwnPropertyDescriptor(error, 'stack');
    return own !== undefined && 'value' in own ? own.value : p.nativeStack(error);
  };
  p.setStack = (error, stack) => p.hide(error, 'stack', stack);

  // `String(x)` that never throws.
  p.text = (x) => {
    if (typeof x === 'string') return x;
    try {
      return String(x);
    } catch {
      return '[object]';
    }
  };
  // Replaces methods by ones that are no constructors and keep name and length.
  p.methods = (target, source) => {
    const names = ownKeys(source);
    for (let i = 0; i < names.length; i++) p.hide(target, names[i], source[names[i]]);
  };
  return p;
})()
