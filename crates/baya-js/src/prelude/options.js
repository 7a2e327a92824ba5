// Options of what is ours alone: a key that nobody knows is refused, since a check that is not run or a
// review that is not held must not pass for one that was.
(p) => {
  const FAR = 3;
  const at = (text, i) => p.charCodeAt(text, i - 1);

  // Insertions, removals, replacements and swaps of neighbours; one row of the table at a time.
  const distance = (a, b) => {
    let before = [];
    let last = [];
    for (let j = 0; j <= b.length; j++) p.push(last, j);
    for (let i = 1; i <= a.length; i++) {
      const row = [i];
      for (let j = 1; j <= b.length; j++) {
        const isEqual = at(a, i) === at(b, j);
        const isSwap = i > 1 && j > 1 && at(a, i) === at(b, j - 1) && at(a, i - 1) === at(b, j);
        const swapped = isSwap ? before[j - 2] + 1 : last[j] + 1;
        p.push(row, p.min(last[j - 1] + (isEqual ? 0 : 1), last[j] + 1, row[j - 1] + 1, swapped));
      }
      before = last;
      last = row;
    }
    return last[b.length];
  };
  // Of a short name only one letter may differ, and never all of them.
  const nearest = (key, known) => {
    let best = p.min(FAR, p.floor(key.length / 3)) + 1;
    let near;
    for (let i = 0; i < known.length; i++) {
      const away = distance(p.toLowerCase(key), p.toLowerCase(known[i]));
      if (away < best) {
        best = away;
        near = known[i];
      }
    }
    return near;
  };
  const listed = (known) => {
    let text = '';
    for (let i = 0; i < known.length; i++) text += (i ? ', ' : '') + '`' + known[i] + '`';
    return text;
  };
  const KEY_MAX = 40;

  return (name, given, known) => {
    if (given === undefined || given === null) return { __proto__: null };
    if (typeof given !== 'object' || p.isArray(given)) {
      const kind = p.isArray(given) ? 'an array' : `a ${typeof given}`;
      throw new p.TypeError(`${name}: the options must be an object, not ${kind}`);
    }
    const keys = p.keys(given);
    for (let i = 0; i < keys.length; i++) {
      const key = keys[i];
      let isKnown = given[key] === undefined;
      for (let j = 0; j < known.length; j++) isKnown ||= known[j] === key;
      if (isKnown) continue;
      const shown = p.wellFormed(p.slice(key, 0, KEY_MAX));
      const near = nearest(shown, known);
      const meant = near === undefined ? '' : `; hint: did you mean \`${near}\`?`;
      throw new p.TypeError(`${name}: there is no option \`${shown}\`; there are: ${listed(known)}${meant}`);
    }
    return given;
  };
};
