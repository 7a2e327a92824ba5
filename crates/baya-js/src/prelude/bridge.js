// The script's globals: every use becomes a call to the host, every delivery settles one promise here.
(p, host, data, options) => {
  const { put, push, hide, freeze, apply, isArray, mapGet, mapSet, mapDelete } = p;
  const LIMITS = { __proto__: null, agent_limit: true, budget: true };
  // Calls that wait: id -> { resolve, reject, stack, label }.
  const waiting = new p.Map();
  const timers = new p.Map();
  // Errors that the engine threw -> { kind, label }.
  const thrown = new p.WeakMap();
  // Promises of agents -> { id, promise }; what is known of their work, by id and by result.
  const agents = new p.WeakMap();
  const worksById = new p.Map();
  const worksOfResults = new p.WeakMap();
  let phaseNow;

  // The stack without its first line, which is our own function.
  const callSite = () => {
    const stack = p.nativeStack(new p.Error());
    return typeof stack === 'string' ? p.slice(stack, p.indexOf(stack, '\n') + 1) : '';
  };
  const wait = (id, stack, label) =>
    new p.Promise((resolve, reject) => {
      mapSet(waiting, id, { __proto__: null, resolve, reject, stack, label });
    });
  const logLine = (level, text) => host.log(level, p.wellFormed(text));

  const plainOptions = (options) => {
    if (options === undefined || options === null) return undefined;
    if (typeof options !== 'object' || isArray(options)) {
      throw new p.TypeError(`agent(prompt, options): \`options\` must be an object, not ${kindOf(options)}`);
    }
    const text = data.strict(options, 'options', 'refuse');
    // A `toJSON` may have made something else of it.
    if (text === undefined || text[0] !== '{') {
      throw new p.TypeError('agent(prompt, options): `options` must be an object');
    }
    return text === '{}' ? undefined : text;
  };
  const kindOf = (x) => {
    if (x === null || x === undefined) return p.text(x);
    if (isArray(x)) return 'an array';
    return typeof x === 'object' ? 'an object' : `a ${typeof x}`;
  };
  const promptText = (prompt) =>
    typeof prompt === 'object' && prompt !== null ? '[object]' : p.text(prompt);

  // What `start` throws becomes a rejection; no promise is returned through another, which would look
  // `then` up.
  const rejecting = (start) => {
    try {
      return start();
    } catch (error) {
      return new p.Promise((_, reject) => reject(error));
    }
  };

  const agent = (prompt, options) => {
    const stack = callSite();
    return rejecting(() => {
      const text = p.wellFormed(promptText(prompt));
      const given = plainOptions(options);
      const label = given === undefined ? undefined : p.parse(given).label;
      const id = host.agent(text, given, phaseNow, stack);
      const promise = wait(id, stack, label);
      p.weakSet(agents, promise, { __proto__: null, id, promise });
      return promise;
    });
  };

  const workflow = (target, input) => {
    const stack = callSite();
    return rejecting(() => startWorkflow(target, input, stack));
  };
  const startWorkflow = (target, input, stack) => {
    if (!host.nests) {
      throw engineError('workflow', `workflows nest at most ${host.depthMax} deep; hint: --max-depth raises it`, stack);
    }
    const byPath = typeof target === 'object' && target !== null;
    const name = byPath ? target.scriptPath : target;
    if (typeof name !== 'string') {
      throw new p.TypeError('workflow(nameOrRef, args): give a name or `{scriptPath: "file.js"}`');
    }
    const given = data.strict(input, 'args', 'drop');
    return wait(host.workflow(byPath, p.wellFormed(name), given, stack), stack);
  };

  const engineError = (kind, message, stack, label) => {
    const error = new p.Error(message);
    p.setStack(error, stack);
    put(error, 'kind', kind);
    p.weakSet(thrown, error, { __proto__: null, kind, label });
    return error;
  };

  // ---- parallel and pipeline

  const ours = (error) => (p.isObject(error) ? p.weakGet(thrown, error) : undefined);
  const messageOf = (error) => {
    try {
      return p.isError(error) ? p.text(error.message) : shown(error);
    } catch {
      return '[object]';
    }
  };
  // Collects the failures of one use of `parallel` or `pipeline`.
  const failures = (name, total) => {
    const errors = [];
    let limited = 0;
    let reason;
    return {
      __proto__: null,
      add(index, error) {
        const known = ours(error);
        const message = messageOf(error);
        push(errors, {
          index,
          label: known === undefined ? undefined : known.label,
          kind: known === undefined ? 'thrown' : known.kind,
          message,
        });
        if (known !== undefined && LIMITS[known.kind]) {
          limited++;
          reason ??= message;
        } else {
          logLine(2, `${name}[${index}] failed: ${message}`);
        }
      },
      finish(results) {
        if (limited > 0) logLine(2, `${name}: ${limited} of ${total} did not run: ${reason}`);
        hide(results, 'errors', errors);
        return results;
      },
    };
  };
  const checkList = (name, list, what) => {
    if (!isArray(list)) {
      throw new p.TypeError(`${name}: the first argument must be an array of ${what}, not ${kindOf(list)}`);
    }
    if (list.length > host.listMax) {
      const limit = `the limit of ${host.listMax}; hint: give them in slices`;
      throw new p.RangeError(`${name}: ${list.length} ${what} are more than ${limit}`);
    }
  };
  // Runs `run(i)` for each i at once; resolves when all have ended.
  const forAll = (count, run) =>
    new p.Promise((resolve, reject) => {
      let open = count;
      if (count === 0) resolve();
      const one = async (i) => {
        try {
          await run(i);
        } catch (error) {
          reject(error);
        }
        if (--open === 0) resolve();
      };
      for (let i = 0; i < count; i++) one(i);
    });

  const parallel = async (thunks, options) => {
    checkList('parallel(thunks)', thunks, 'functions');
    const count = thunks.length;
    const list = new p.Array(count);
    for (let i = 0; i < count; i++) {
      if (typeof thunks[i] !== 'function') {
        throw new p.TypeError(
          `parallel(thunks): element ${i} is ${kindOf(thunks[i])}, not a function; ` +
            'wrap each call so that parallel starts it: `() => agent(…)`',
        );
      }
      put(list, i, thunks[i]);
    }
    const failFast = p.isObject(options) && options.failFast === true;
    const failed = failures('parallel', count);
    const results = new p.Array(count);
    await forAll(count, async (i) => {
      let value = null;
      try {
        const thunk = list[i];
        value = (await thunk()) ?? null;
      } catch (error) {
        failed.add(i, error);
        if (failFast) throw error;
      }
      put(results, i, value);
    });
    return failed.finish(results);
  };

  const pipeline = async (items, ...stages) => {
    checkList('pipeline(items, ...stages)', items, 'items');
    for (let s = 0; s < stages.length; s++) {
      if (typeof stages[s] !== 'function') {
        throw new p.TypeError(
          `pipeline(items, ...stages): stage ${s + 1} is ${kindOf(stages[s])}, not a function; ` +
            'write it as `(previous, item, index) => agent(…)`',
        );
      }
    }
    const count = items.length;
    const list = new p.Array(count);
    for (let i = 0; i < count; i++) put(list, i, items[i]);
    const failed = failures('pipeline', count);
    const results = new p.Array(count);
    await forAll(count, async (i) => {
      let value = null;
      try {
        const item = await list[i];
        value = item;
        for (let s = 0; s < stages.length; s++) {
          const stage = stages[s];
          value = await stage(value, item, i);
          if (value === null) break;
        }
      } catch (error) {
        value = null;
        failed.add(i, error);
      }
      put(results, i, value);
    });
    return failed.finish(results);
  };

  // ---- host steps and works

  const step = (name, fields) => {
    const stack = callSite();
    return rejecting(() => wait(host.step(name, data.strict(fields, 'options', 'drop'), stack), stack));
  };
  const texts = (name, given) => {
    for (let i = 0; i < given.length; i += 2) {
      if (typeof given[i + 1] !== 'string') {
        throw new p.TypeError(`${name}: \`${given[i]}\` must be a string, not ${kindOf(given[i + 1])}`);
      }
    }
  };
  const exec = (command, given) =>
    rejecting(() => {
      texts('baya.exec(command, options)', ['command', command]);
      const known = ['cwd', 'timeoutMs', 'retry', 'key'];
      const { cwd, timeoutMs, retry, key } = options('baya.exec(command, options)', given, known);
      return step('baya.exec', { do: 'exec', command: p.wellFormed(command), cwd, timeoutMs, retry, key });
    });
  const readFile = (path) =>
    rejecting(() => {
      texts('baya.readFile(path)', ['path', path]);
      return step('baya.readFile', { do: 'read_file', path: p.wellFormed(path) });
    });
  const writeFile = (path, text) =>
    rejecting(() => {
      texts('baya.writeFile(path, text)', ['path', path, 'text', text]);
      return step('baya.writeFile', { do: 'write_file', path: p.wellFormed(path), text: p.wellFormed(text) });
    });
  const glob = (pattern) =>
    rejecting(() => {
      texts('baya.glob(pattern)', ['pattern', pattern]);
      return step('baya.glob', { do: 'glob', pattern: p.wellFormed(pattern) });
    });
  const changedFiles = (given) =>
    rejecting(() => {
      const { base } = options('baya.git.changedFiles(options)', given, ['base']);
      return step('baya.git.changedFiles', { do: 'changed_files', base });
    });

  const workOf = (x) => {
    if (!p.isObject(x)) return undefined;
    const text = p.weakGet(worksOfResults, x);
    return text === undefined ? undefined : p.parse(text);
  };
  const noWork =
    'baya.work(x): give it the promise of agent() itself, or the object it resolved to; a text has no ' +
    'identity; hint: agent(prompt, {isolation: "worktree", work: true}) resolves to {result, work}';
  const work = async (x) => {
    const known = p.isObject(x) ? p.weakGet(agents, x) : undefined;
    if (known === undefined) {
      const found = workOf(x);
      if (found === undefined) throw new p.TypeError(noWork);
      return found;
    }
    await known.promise;
    const text = mapGet(worksById, known.id);
    return text === undefined ? null : p.parse(text);
  };
  const LAND = 'baya.land(works, options)';
  const LAND_OPTIONS =
    ['check', 'checkTimeoutMs', 'onConflict', 'batch', 'style', 'review', 'model', 'agentTimeoutMs'];
  const agentOf = (piece) => {
    const own = workOf(piece);
    const found = own === undefined && p.isObject(piece) ? (p.isObject(piece.work) ? piece.work : piece) : own;
    if (found === undefined || found === null || typeof found.agent !== 'number') {
      throw new p.TypeError(`${LAND}: give works: what baya.work() gives, or results of agents with work: true`);
    }
    return found.agent;
  };
  const rubricOf = (review) => {
    if (review === undefined || review === null || review === false) return undefined;
    if (review === true) return '';
    texts(LAND, ['review', review]);
    return p.wellFormed(review);
  };
  const land = (works, given) =>
    rejecting(() => {
      const { check, checkTimeoutMs, onConflict, batch, style, review: wanted, model, agentTimeoutMs } =
        options(LAND, given, LAND_OPTIONS);
      const review = rubricOf(wanted);
      let select;
      if (isArray(works)) {
        const agents = [];
        for (let i = 0; i < works.length; i++) if (works[i] !== null) push(agents, agentOf(works[i]));
        select = { agents };
      } else {
        const { phase, label } = p.isObject(works) ? works : { __proto__: null };
        if ((phase === undefined) === (label === undefined)) {
          throw new p.TypeError(`${LAND}: give a list of works, or {phase: 'its title'}, or {label: 'its label'}`);
        }
        options('baya.land(works)', works, ['phase', 'label']);
        texts(LAND, phase === undefined ? ['label', label] : ['phase', phase]);
        select = phase === undefined ? { label } : { phase };
      }
      const how = {
        check, check_timeout_ms: checkTimeoutMs, on_conflict: onConflict, batch, style,
        review, model, agent_timeout_ms: agentTimeoutMs,
      };
      return step('baya.land', { do: 'land', select, options: how });
    });

  // ---- phase, log, console

  const shown = (x) => {
    if (typeof x === 'string') return x;
    try {
      if (typeof x === 'function') return `[function ${p.text(x.name)}]`;
      if (p.isError(x)) {
        const head = `${p.text(x.name)}: ${p.text(x.message)}`;
        const stack = p.stackOf(x);
        return typeof stack === 'string' && stack !== '' ? `${head}\n${p.trimEnd(stack)}` : head;
      }
      if (!p.isObject(x)) return typeof x === 'bigint' ? `${x}n` : p.text(x);
      return data.lenient(x, 'value').text ?? p.text(x);
    } catch {
      return '[object]';
    }
  };
  const line = (args) => {
    let text = '';
    for (let i = 0; i < args.length; i++) text += (i ? ' ' : '') + shown(args[i]);
    return text;
  };
  const phase = (title) => {
    phaseNow = p.wellFormed(p.text(title));
    host.phase(phaseNow);
  };
  const log = (...args) => logLine(1, line(args));
  const at = (level) => (...args) => logLine(level, line(args));

  // ---- timers

  const setTimeout = (callback, delay, ...args) => {
    if (typeof callback !== 'function') {
      throw new p.TypeError('setTimeout(callback, ms): `callback` must be a function');
    }
    const ms = p.trunc(+delay);
    const id = host.timer(ms > 0 ? p.min(ms, 0x7fffffff) : 0, callSite());
    mapSet(timers, id, { __proto__: null, callback, args });
    return id;
  };
  const clearTimeout = (id) => {
    if (mapDelete(timers, id)) host.clear(id);
  };
  const fire = (id) => {
    const timer = mapGet(timers, id);
    if (timer === undefined) return;
    mapDelete(timers, id);
    try {
      const callback = timer.callback;
      apply(callback, undefined, timer.args);
    } catch (error) {
      logLine(3, `a setTimeout callback failed: ${messageOf(error)}`);
    }
  };

  // ---- deliveries

  const settle = (id, how, a, b, c) => {
    if (how === 'fired') return fire(id);
    const call = mapGet(waiting, id);
    if (call === undefined) return undefined;
    mapDelete(waiting, id);
    const { resolve, reject } = call;
    if (how === 'value') {
      const value = a === undefined ? undefined : p.parse(a);
      if (b !== undefined) {
        mapSet(worksById, id, b);
        if (p.isObject(value)) p.weakSet(worksOfResults, value, b);
      }
      resolve(value);
    }
    else if (how === 'throw') reject(engineError(a, b, call.stack, call.label));
    else reject(childError(a, b, c, call.stack));
    return undefined;
  };
  // What a child threw; one of our own errors stays one.
  const childError = (name, message, kind, stack) => {
    if (kind !== undefined) return engineError(kind, message, stack);
    const error = new p.Error(message);
    if (name !== 'Error') hide(error, 'name', name);
    p.setStack(error, stack);
    return error;
  };

  // ---- what the script ends with

  const finish = (value) => {
    const { text, notes } = data.lenient(value, 'result');
    let list = '';
    for (let i = 0; i < notes.length; i++) list += (i ? ',' : '') + data.quote(notes[i]);
    return `{"value":${text ?? 'null'},"present":${text !== undefined},"notes":[${list}]}`;
  };
  const describe = (error) => {
    const known = ours(error);
    let name = error === null ? 'null' : typeof error;
    let message = '';
    let stack = '';
    try {
      if (p.isError(error)) {
        const trace = p.stackOf(error);
        if (typeof trace === 'string') stack = trace;
        name = p.text(error.name);
        message = p.text(error.message);
      } else {
        message = data.lenient(error, 'error').text ?? p.text(error);
      }
    } catch {
      message = '[object]';
    }
    const limit = known !== undefined && LIMITS[known.kind] === true;
    const texts = `"name":${data.quote(name)},"message":${data.quote(message)},"stack":${data.quote(stack)}`;
    const kind = known === undefined ? 'null' : data.quote(known.kind);
    return `{${texts},"kind":${kind},"limit":${limit}}`;
  };

  // ---- the globals

  const LATER = ['ask', 'cache', 'fetch', 'grep', 'judge', 'now', 'open', 'sleep', 'spawn', 'state', 'worktree'];
  const baya = {};
  const there = { exec, readFile, writeFile, glob, work, land };
  const names = p.ownKeys(there);
  for (let i = 0; i < names.length; i++) put(baya, names[i], freeze(there[names[i]]));
  put(baya, 'git', freeze({ changedFiles: freeze(changedFiles) }));
  for (let i = 0; i < LATER.length; i++) {
    const name = LATER[i];
    const refuse = {
      [name]() {
        throw new p.Error(`\`baya.${name}\` is not in this version`);
      },
    }[name];
    put(baya, name, freeze(refuse));
  }
  const console = { log: at(1), info: at(1), debug: at(0), warn: at(2), error: at(3) };
  const total = host.total;
  const budget = freeze({
    total,
    spent: () => host.spent(),
    remaining: () => (total === null ? Infinity : p.max(0, total - host.spent())),
  });
  const args = host.args === undefined ? undefined : p.parse(host.args);

  const globals = {
    agent, parallel, pipeline, phase, log, args, budget, workflow, console, setTimeout, clearTimeout,
    baya: freeze(baya),
  };
  p.methods(globalThis, globals);

  const deepFreeze = (x) => {
    if (!p.isObject(x)) return x;
    const names = p.ownKeys(x);
    for (let i = 0; i < names.length; i++) deepFreeze(x[names[i]]);
    return freeze(x);
  };
  return { __proto__: null, settle, finish, describe, meta: (text) => deepFreeze(p.parse(text)) };
}
