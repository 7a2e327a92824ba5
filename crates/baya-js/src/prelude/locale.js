// What depends on a locale, as en-US does it: `localeCompare`, `toLocaleString` of numbers.
(p, host) => {
  const { slice, indexOf, repeat, startsWith, wellFormed } = p;

  // ---- order

  const SENSITIVITIES = { __proto__: null, base: true, accent: true, case: true, variant: true };
  const mode = (options) => {
    if (options === undefined || options === null) return 'variant//false';
    const sensitivity = options.sensitivity === undefined ? 'variant' : `${options.sensitivity}`;
    if (!SENSITIVITIES[sensitivity]) {
      throw new p.RangeError(`localeCompare: \`sensitivity\` cannot be \`${sensitivity}\``);
    }
    const caseFirst = options.caseFirst === undefined ? 'false' : `${options.caseFirst}`;
    return `${sensitivity}/${options.numeric ? 'numeric' : ''}/${caseFirst}`;
  };
  p.methods(p.String.prototype, {
    localeCompare(that, locales, options) {
      if (this === undefined || this === null) throw new p.TypeError('localeCompare: no text given');
      return host.compare(wellFormed(`${this}`), wellFormed(`${that}`), mode(options));
    },
    toLocaleUpperCase() {
      return p.toUpperCase(this);
    },
    toLocaleLowerCase() {
      return p.toLowerCase(this);
    },
  });

  // ---- numbers

  // The shortest decimal of a finite |x| as `{digits, point}`: 0.digits × 10^point.
  const decimal = (text) => {
    const e = indexOf(text, 'e');
    const mantissa = e < 0 ? text : slice(text, 0, e);
    const exponent = e < 0 ? 0 : +slice(text, e + 1);
    const dot = indexOf(mantissa, '.');
    const whole = dot < 0 ? mantissa : slice(mantissa, 0, dot);
    const digits = whole + (dot < 0 ? '' : slice(mantissa, dot + 1));
    return { __proto__: null, digits, point: whole.length + exponent };
  };

  // The digits rounded half away from zero to `places` after the point: `[whole, fraction]` as one text.
  const rounded = (text, places) => {
    const { digits, point } = decimal(text);
    const kept = point + places;
    let head = kept <= 0 ? '' : slice(digits, 0, kept);
    if (kept > digits.length) head += repeat('0', kept - digits.length);
    const next = kept < 0 || kept >= digits.length ? '0' : digits[kept];
    if (next >= '5') head = increment(head === '' ? '0' : head);
    // At least one digit before the point.
    if (head.length <= places) head = repeat('0', places + 1 - head.length) + head;
    const dot = head.length - places;
    return { __proto__: null, whole: slice(head, 0, dot), fraction: slice(head, dot) };
  };
  const increment = (digits) => {
    for (let i = digits.length - 1; i >= 0; i--) {
      if (digits[i] !== '9') {
        return slice(digits, 0, i) + p.fromCharCode(p.charCodeAt(digits, i) + 1) + repeat('0', digits.length - 1 - i);
      }
    }
    return '1' + repeat('0', digits.length);
  };
  const grouped = (whole) => {
    let text = '';
    let rest = whole;
    while (rest.length > 3) {
      text = ',' + slice(rest, rest.length - 3) + text;
      rest = slice(rest, 0, rest.length - 3);
    }
    return rest + text;
  };
  const trimZeros = (text, from) => {
    let end = text.length;
    while (end > from && text[end - 1] === '0') end--;
    return slice(text, 0, end);
  };
  const trimLeadingZeros = (text) => {
    let start = 0;
    while (start < text.length - 1 && text[start] === '0') start++;
    return slice(text, start);
  };

  const digitsOption = (options, name, max) => {
    const value = options[name];
    if (value === undefined) return undefined;
    const n = +value;
    if (!(n >= 0 && n <= max)) throw new p.RangeError(`toLocaleString: \`${name}\` must be 0 to ${max}`);
    return p.floor(n);
  };
  const SYMBOLS = {
    __proto__: null, USD: '$', EUR: '€', GBP: '£', JPY: '¥', INR: '₹', CNY: 'CN¥', KRW: '₩', BRL: 'R$', CAD: 'CA$',
    AUD: 'A$', MXN: 'MX$', NZD: 'NZ$',
  };
  const WHOLE_ONLY = { __proto__: null, JPY: true, KRW: true };

  // How a number is to be written: places, grouping, and what stands around it.
  const form = (options) => {
    const style = options.style === undefined ? 'decimal' : `${options.style}`;
    const shape = { __proto__: null, low: 0, high: 3, before: '', after: '', shift: 0 };
    shape.group = options.useGrouping !== false;
    if (style === 'percent') {
      shape.high = 0;
      shape.shift = 2;
      shape.after = '%';
    } else if (style === 'currency') {
      const code = p.toUpperCase(`${options.currency}`);
      if (code.length !== 3) throw new p.TypeError('toLocaleString: `style: "currency"` needs a `currency`');
      shape.before = SYMBOLS[code] ?? `${code}\u00a0`;
      shape.low = shape.high = WHOLE_ONLY[code] ? 0 : 2;
    } else if (style !== 'decimal') {
      throw new p.RangeError(`toLocaleString: \`style: "${style}"\` is not in this version`);
    }
    if (options.notation !== undefined && options.notation !== 'standard') {
      throw new p.RangeError('toLocaleString: `notation` is not in this version');
    }
    const low = digitsOption(options, 'minimumFractionDigits', 100);
    const high = digitsOption(options, 'maximumFractionDigits', 100);
    if (low !== undefined && high !== undefined && low > high) {
      throw new p.RangeError('toLocaleString: `maximumFractionDigits` is less than `minimumFractionDigits`');
    }
    if (low !== undefined) shape.low = low;
    if (high !== undefined) shape.high = high;
    if (low === undefined) shape.low = p.min(shape.low, shape.high);
    if (high === undefined) shape.high = p.max(shape.low, shape.high);
    shape.significant = digitsOption(options, 'maximumSignificantDigits', 21);
    return shape;
  };
  const shifted = (text, by) => {
    if (by === 0) return text;
    const { digits, point } = decimal(text);
    const at = point + by;
    if (at <= 0) return '0.' + repeat('0', -at) + digits;
    if (at >= digits.length) return digits + repeat('0', at - digits.length);
    return `${slice(digits, 0, at)}.${slice(digits, at)}`;
  };
  const significantPlaces = (text, count) => {
    const { digits, point } = decimal(text);
    let zeros = 0;
    while (zeros < digits.length && digits[zeros] === '0') zeros++;
    return zeros === digits.length ? 0 : count - (point - zeros);
  };

  const written = (text, negative, options) => {
    const shape = form(options === undefined || options === null ? {} : options);
    const sized = shifted(text, shape.shift);
    let { low, high } = shape;
    let source = sized;
    if (shape.significant !== undefined) {
      low = 0;
      high = significantPlaces(sized, p.max(1, shape.significant));
      if (high < 0) {
        source = shifted(rounded(shifted(sized, high), 0).whole, -high);
        high = 0;
      }
    }
    const { whole, fraction } = rounded(source, high);
    const plain = trimLeadingZeros(whole);
    const kept = trimZeros(fraction, low);
    const number = (shape.group ? grouped(plain) : plain) + (kept === '' ? '' : `.${kept}`);
    return (negative ? '-' : '') + shape.before + number + shape.after;
  };

  p.methods(p.Number.prototype, {
    toLocaleString(locales, options) {
      const x = p.numberValue(this);
      if (x !== x) return 'NaN';
      const negative = x < 0 || (x === 0 && 1 / x < 0);
      const size = p.abs(x);
      if (size === Infinity) return negative ? '-∞' : '∞';
      return written(p.numberToString(size, 10), negative, options);
    },
  });
  const bigintValue = p.method(p.BigInt.prototype.valueOf);
  p.methods(p.BigInt.prototype, {
    toLocaleString(locales, options) {
      const text = p.bigintToString(bigintValue(this), 10);
      const negative = startsWith(text, '-');
      return written(negative ? slice(text, 1) : text, negative, options);
    },
  });
}
