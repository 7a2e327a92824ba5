// The unit that a rehearsed script sees the world through: notes which places were reached, which fields
// were looked for and are not there, what a text was compared with. What it notes goes out as log lines
// that begin with MARK and never reach a log. A script that is not rehearsed never meets this.
(function () {
  'use strict';
  const realAgent = agent, realBaya = baya, realParallel = parallel, realPipeline = pipeline;
  const debug = console.debug, stringify = JSON.stringify;
  const { get: reflectGet, apply } = Reflect;
  const { defineProperty, getOwnPropertyDescriptor, hasOwn } = Object;
  const isArray = Array.isArray, Failure = Error;
  const MARK = '\u0001rehearsal:', TELLS_MAX = 4000, TEXT_MAX = 200;

  const told = new Set();
  const tell = (...parts) => {
    const text = stringify(parts);
    if (told.has(text) || told.size >= TELLS_MAX) return;
    told.add(text);
    debug(MARK + text);
  };
  const here = () => {
    const stack = new Failure().stack;
    return typeof stack === 'string' ? stack.slice(0, 1500) : '';
  };

  const eye = [];
  eye.h = (point) => {
    eye[point] = 1;
    tell('h', point);
  };
  // A loop that goes round and round is told, each time another one does.
  const LAPS = 20000;
  let laps = 0, spun = -1, spuns = 0;
  eye.n = (point) => {
    if ((laps += 1) < LAPS) return;
    laps = 0;
    if (point === spun || (spuns += 1) > TELLS_MAX) return;
    spun = point;
    debug(MARK + stringify(['l', point]));
  };
  eye.z = (divisor, point) => {
    if (divisor === 0) tell('z', point);
    return divisor;
  };
  eye.v = (value, point) => {
    if (typeof value === 'string') tell('v', point, value.slice(0, TEXT_MAX));
    return value;
  };

  // ---- answers: a field that the schema does not have is never there

  const raws = new WeakMap();
  const eyed = new WeakMap();
  const QUIET = new Set(['then', 'toJSON', 'constructor', 'errors']);
  const isObject = (x) => typeof x === 'object' && x !== null;

  const resolved = (schema, root) => {
    for (let steps = 0; steps < 16 && isObject(schema) && typeof schema.$ref === 'string'; steps++) {
      if (!schema.$ref.startsWith('#/')) return undefined;
      schema = schema.$ref.slice(2).split('/').reduce((at, key) => (isObject(at) ? at[key] : undefined), root);
    }
    return isObject(schema) ? schema : undefined;
  };
  // The fields of an object, if the schema lists all that a model will give.
  const fieldsOf = (schema) => {
    const open = ['anyOf', 'oneOf', 'allOf', 'if', 'patternProperties'].some((key) => key in schema);
    if (open || !isObject(schema.properties)) return undefined;
    const more = schema.additionalProperties;
    return more === undefined || more === false ? schema.properties : undefined;
  };

  const watched = (value, schema, root, of) => {
    if (!isObject(value) || raws.has(value)) return value;
    if (eyed.has(value)) return eyed.get(value);
    const known = resolved(schema, root);
    const list = isArray(value);
    const fields = known === undefined || list ? undefined : fieldsOf(known);
    if (known === undefined || (!list && fields === undefined)) return value;
    const get = (target, key) => {
      const got = reflectGet(target, key);
      if (typeof key === 'symbol') return got;
      if (got === undefined) {
        const absent = list ? !/^-?\d+$/.test(key) : !hasOwn(fields, key);
        if (absent && !(key in target) && !QUIET.has(key)) {
          tell('m', key, of, list ? null : Object.keys(fields), here());
        }
        return got;
      }
      if (!isObject(got)) return got;
      const own = getOwnPropertyDescriptor(target, key);
      if (own === undefined || (!own.configurable && !own.writable)) return got;
      return watched(got, list ? known.items : fields[key], root, of);
    };
    const proxy = new Proxy(value, { get });
    raws.set(proxy, value);
    eyed.set(value, proxy);
    return proxy;
  };

  const promised = new WeakMap();
  const rawOf = (x) => (isObject(x) ? promised.get(x) ?? raws.get(x) ?? x : x);
  const seen = (promise, look) => {
    const after = promise.then(look);
    promised.set(after, promise);
    return after;
  };
  const seeingAgent = function agent(prompt, options) {
    const promise = realAgent(prompt, options);
    const schema = isObject(options) && isObject(options.schema) ? options.schema : undefined;
    const of = isObject(options) && typeof options.label === 'string' ? options.label : '';
    if (schema === undefined) return promise;
    return seen(promise, (answer) => watched(answer, schema, schema, of.slice(0, TEXT_MAX)));
  };

  // ---- host steps: whether anybody looks how they ended

  let steps = 0;
  const looked = (promise, what, keys) => {
    const id = (steps += 1);
    const stack = here();
    return seen(promise, (outcome) => {
      tell('s', id, what, stack);
      if (!isObject(outcome)) return outcome;
      const note = (key) => {
        if (typeof key !== 'symbol' && (keys === undefined || keys.includes(key))) tell('r', id);
      };
      const proxy = new Proxy(outcome, {
        get(target, key) {
          if (!QUIET.has(key)) note(key);
          return reflectGet(target, key);
        },
        ownKeys(target) {
          tell('r', id);
          return Reflect.ownKeys(target);
        },
      });
      raws.set(proxy, outcome);
      return proxy;
    });
  };
  const seeingBaya = Object.freeze({
    ...realBaya,
    exec: (...given) => looked(apply(realBaya.exec, undefined, given), 'baya.exec', ['code', 'stderr', 'timedOut']),
    work: (x) => realBaya.work(rawOf(x)),
    land: (works, options) => {
      const raw = isArray(works) ? works.map(rawOf) : works;
      return looked(realBaya.land(raw, options), 'baya.land');
    },
  });

  // ---- results with null in them that become a text: `join` makes nothing of null

  const withHoles = new WeakSet();
  const holed = (promise) =>
    seen(promise, (results) => {
      if (isArray(results) && results.includes(null)) withHoles.add(results);
      return results;
    });
  const join = Array.prototype.join;
  defineProperty(Array.prototype, 'join', {
    value: { join(...given) {
      if (withHoles.has(this)) tell('j', here());
      return apply(join, this, given);
    } }.join,
    writable: true,
    configurable: true,
  });

  // ---- branches: what `parallel` and `pipeline` turn into null

  const branch = (of, run) =>
    typeof run !== 'function' ? run : async (...given) => {
      try {
        return await run(...given);
      } catch (error) {
        if (isObject(error) && error.kind === undefined && typeof error.stack === 'string') {
          tell('e', of, String(error.name), String(error.message).slice(0, TEXT_MAX), error.stack.slice(0, 1500));
        }
        throw error;
      }
    };
  const seeingParallel = (thunks, options) =>
    holed(realParallel(isArray(thunks) ? thunks.map((thunk) => branch('parallel', thunk)) : thunks, options));
  const seeingPipeline = (items, ...stages) =>
    holed(realPipeline(items, ...stages.map((stage) => branch('pipeline', stage))));

  eye.agent = seeingAgent;
  eye.parallel = seeingParallel;
  eye.pipeline = seeingPipeline;
  eye.baya = seeingBaya;
  return eye;
})
