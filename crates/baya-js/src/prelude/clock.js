// `Date`, with the clock of the last delivery, in UTC and in the words of en-US.
(p, host) => {
  const { hide, lock, construct, apply, padStart } = p;
  const Native = p.Date;
  const proto = Native.prototype;
  const utc = Native.UTC;
  const nativeParse = Native.parse;
  const nativeOffset = p.method(proto.getTimezoneOffset);
  const get = { __proto__: null };
  const FIELDS = ['Date', 'Day', 'FullYear', 'Hours', 'Milliseconds', 'Minutes', 'Month', 'Seconds'];
  for (let i = 0; i < FIELDS.length; i++) get[FIELDS[i]] = p.method(proto[`getUTC${FIELDS[i]}`]);

  const DAYS = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'];
  const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
  const two = (n) => padStart(`${n}`, 2, '0');
  const dateText = (d) => {
    const year = get.FullYear(d);
    const digits = (year < 0 ? '-' : '') + padStart(`${p.abs(year)}`, 4, '0');
    return `${DAYS[get.Day(d)]} ${MONTHS[get.Month(d)]} ${two(get.Date(d))} ${digits}`;
  };
  const timeText = (d) =>
    `${two(get.Hours(d))}:${two(get.Minutes(d))}:${two(get.Seconds(d))} GMT+0000 (Coordinated Universal Time)`;
  const localDate = (d) => {
    const year = get.FullYear(d);
    return `${get.Month(d) + 1}/${get.Date(d)}/${year > 0 ? year : `${1 - year} B`}`;
  };
  const localTime = (d) => {
    const hours = get.Hours(d);
    return `${hours % 12 || 12}:${two(get.Minutes(d))}:${two(get.Seconds(d))} ${hours < 12 ? 'AM' : 'PM'}`;
  };
  const shown = (format) => (d) => {
    const t = p.dateValue(d);
    return t === t ? format(d) : 'Invalid Date';
  };
  const full = shown((d) => `${dateText(d)} ${timeText(d)}`);

  // A text without a zone is local time, and local is UTC here whatever the machine says.
  const ZONED = /(?:[zZ]|GMT|UTC|[+-]\d\d:?\d\d|\([^)]*\))\s*$/;
  const DATE_ONLY = /^\s*[+-]?\d{4,6}(?:-\d\d(?:-\d\d)?)?\s*$/;
  const parse = (text) => {
    const t = nativeParse(text);
    if (t !== t || p.regexTest(ZONED, text) || p.regexTest(DATE_ONLY, text)) return t;
    return t - nativeOffset(construct(Native, [t])) * 60000;
  };

  const primitive = (x) => {
    const exotic = x[Symbol.toPrimitive];
    if (exotic !== undefined && exotic !== null) return apply(exotic, x, ['default']);
    const value = x.valueOf();
    return p.isObject(value) ? `${x}` : value;
  };
  const moment = (args) => {
    if (args.length === 0) return [host.now()];
    if (args.length > 1) return [apply(utc, Native, args)];
    let x = args[0];
    if (p.isObject(x)) {
      try {
        return [p.dateValue(x)];
      } catch {
        x = primitive(x);
      }
    }
    return [typeof x === 'string' ? parse(x) : x];
  };

  function Date(...args) {
    if (new.target === undefined) return full(construct(Native, [host.now()]));
    return construct(Native, moment(args), new.target);
  }
  lock(Date, 'prototype', proto);
  hide(proto, 'constructor', Date);
  hide(Date, 'length', 7);
  p.methods(Date, {
    now() {
      return host.now();
    },
    parse(text) {
      return parse(`${text}`);
    },
    UTC: utc,
  });
  hide(globalThis, 'Date', Date);

  // The local getters and setters are the universal ones.
  for (let i = 0; i < FIELDS.length; i++) {
    for (let j = 0; j < 2; j++) {
      const kind = j === 0 ? 'get' : 'set';
      const universal = proto[`${kind}UTC${FIELDS[i]}`];
      if (universal === undefined) continue;
      const name = kind + FIELDS[i];
      const local = {
        [name](...args) {
          return apply(universal, this, args);
        },
      }[name];
      hide(local, 'length', universal.length);
      hide(proto, name, local);
    }
  }
  const setFullYear = p.method(proto.setUTCFullYear);
  p.methods(proto, {
    getTimezoneOffset() {
      return shown(() => 0)(this) === 0 ? 0 : NaN;
    },
    getYear() {
      return get.FullYear(this) - 1900;
    },
    setYear(year) {
      const n = p.trunc(+year);
      return setFullYear(this, n >= 0 && n <= 99 ? 1900 + n : n);
    },
    toString() {
      return full(this);
    },
    toDateString() {
      return shown(dateText)(this);
    },
    toTimeString() {
      return shown(timeText)(this);
    },
    toLocaleString() {
      return shown((d) => `${localDate(d)}, ${localTime(d)}`)(this);
    },
    toLocaleDateString() {
      return shown(localDate)(this);
    },
    toLocaleTimeString() {
      return shown(localTime)(this);
    },
  });
}
