// Turns values of a script into JSON text: the only form in which they leave the isolate.
(p) => {
  const { isArray, keys, apply, getPrototypeOf, wellFormed, stringify, isFinite } = p;
  const DEPTH_MAX = 100;
  const quote = (s) => stringify(wellFormed(s));

  // Where in the value: `value.a[2].b`.
  const place = (walk) => {
    let text = walk.root;
    for (let i = 0; i < walk.path.length; i++) {
      const key = walk.path[i];
      text += typeof key === 'number' ? `[${key}]` : `.${key}`;
    }
    return text;
  };

  // In a lenient walk the part becomes a string and a note says so; in a strict one it is an error.
  const odd = (walk, what, stored) => {
    if (walk.strict) throw new p.TypeError(`\`${place(walk)}\` is ${what}; only plain data can be given`);
    p.push(walk.notes, `\`${place(walk)}\` is ${what}; it is stored as the string ${quote(stored)}`);
    return quote(stored);
  };

  const unwrap = (x) => {
    const proto = getPrototypeOf(x);
    try {
      if (proto === p.Number.prototype) return p.numberValue(x);
      if (proto === p.String.prototype) return p.stringValue(x);
      if (proto === p.Boolean.prototype) return p.booleanValue(x);
    } catch {
      // An object that merely has the prototype.
    }
    return x;
  };

  const tooDeep = (walk, value) => {
    let stored = '[too deep]';
    try {
      stored = stringify(value) ?? stored;
    } catch {
      // Not representable at all.
    }
    return odd(walk, `nested more than ${DEPTH_MAX} levels deep`, stored);
  };

  const list = (walk, value) => {
    let text = '[';
    const length = value.length;
    for (let i = 0; i < length; i++) {
      p.push(walk.path, i);
      text += (i ? ',' : '') + (encode(walk, value[i], i) ?? 'null');
      walk.path.length--;
    }
    return text + ']';
  };

  const record = (walk, value) => {
    let text = '';
    const names = keys(value);
    for (let i = 0; i < names.length; i++) {
      const name = names[i];
      p.push(walk.path, name);
      const member = encode(walk, value[name], name);
      walk.path.length--;
      if (member !== undefined) text += (text ? ',' : '') + quote(name) + ':' + member;
    }
    return '{' + text + '}';
  };

  const composite = (walk, value) => {
    for (let i = 0; i < walk.open.length; i++) {
      if (walk.open[i] === value) return odd(walk, 'a cycle', '[cycle]');
    }
    if (walk.open.length >= DEPTH_MAX) return tooDeep(walk, value);
    p.push(walk.open, value);
    const text = isArray(value) ? list(walk, value) : record(walk, value);
    walk.open.length--;
    return text;
  };

  const encode = (walk, given, key) => {
    let value = given;
    if (p.isObject(value) || typeof value === 'bigint') {
      const toJSON = value.toJSON;
      if (typeof toJSON === 'function') value = apply(toJSON, value, [`${key}`]);
      if (typeof value === 'object' && value !== null) value = unwrap(value);
    }
    switch (typeof value) {
      case 'string':
        return quote(value);
      case 'number':
        return isFinite(value) ? `${value}` : 'null';
      case 'boolean':
        return value ? 'true' : 'false';
      case 'bigint':
        return odd(walk, 'a BigInt', p.bigintToString(value, 10));
      case 'object':
        return value === null ? 'null' : composite(walk, value);
      case 'undefined':
        return undefined;
      default:
        return walk.functions === 'refuse' ? odd(walk, `a ${typeof value}`, '') : undefined;
    }
  };

  const walk = (root, strict, functions) =>
    ({ __proto__: null, root, strict, functions, notes: [], path: [], open: [] });

  return {
    __proto__: null,
    quote,
    // JSON text, `undefined` for what JSON leaves out; a TypeError for a BigInt or a cycle.
    strict: (value, root, functions) => encode(walk(root, true, functions), value, ''),
    // The same, but never an error for the value's shape: `{text, notes}`.
    lenient: (value, root) => {
      const w = walk(root, false, 'drop');
      const text = encode(w, value, '');
      return { __proto__: null, text, notes: w.notes };
    },
  };
}
