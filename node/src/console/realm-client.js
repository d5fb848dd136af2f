// @realm/client for browsers in one module. Made from sdk/js by 'npm run bundle'; do not edit.

// src/errors.ts
var RealmError = class _RealmError extends Error {
  code;
  /** The figures that the error is about. */
  data;
  constructor(code, message, data = {}) {
    super(message);
    this.name = "RealmError";
    this.code = code;
    this.data = data;
  }
  /** Out of a JSON-RPC error object. */
  static ofResponse(error) {
    const { code, ...data } = error?.data ?? {};
    return new _RealmError(String(code ?? error?.code ?? "INTERNAL"), String(error?.message ?? "the node answered with an error"), data);
  }
  /** Out of a stream's last event. */
  static ofEvent(error) {
    return new _RealmError(String(error?.code ?? "INTERNAL"), String(error?.message ?? "the call failed"), error?.data ?? {});
  }
};
function asRealmError(error) {
  return error instanceof RealmError ? error : new RealmError("INTERNAL", String(error));
}

// src/functions.ts
var STREAMING_TWIN = "stream_";

// src/form.ts
var AS_IT_IS = { item: (data) => data, result: (data) => data };
async function inJson(known, { func, params, pin, streams }) {
  const named = streams ? streaming((await known.document()).functions, func) : func;
  return { func: named, params, pin, reader: AS_IT_IS, runtime: void 0 };
}
function inScale(runtime, { func: name, params, pin, streams }) {
  if (pin !== void 0 && pin.toLowerCase() !== runtime.hash) {
    const data = { metadata_hash: runtime.hash, spec_name: runtime.specName, spec_version: runtime.specVersion };
    throw new RealmError("RUNTIME_CHANGED", `the runtime in force has the metadata ${runtime.hash}`, data);
  }
  const func = streams ? runtime.streaming(runtime.function(name)) : runtime.function(name);
  const codec = runtime.codec(func);
  return { func: func.fullName, params: codec.encode(params), pin: runtime.hash, reader: codec, runtime };
}
function streaming(functions, func) {
  const known = functions.find(({ name }) => name === func);
  if (!known || known.stream !== null) return func;
  const same = (other) => other.returns === known.returns && JSON.stringify(other.params) === JSON.stringify(known.params);
  const twin = functions.find((other) => other.name === STREAMING_TWIN + func && other.stream !== null && same(other));
  return twin?.name ?? func;
}

// src/stream.ts
var UNREAD_MAX = 1e5;
var Call = class {
  constructor(options, keepsItems, onEnd) {
    this.options = options;
    this.keepsItems = keepsItems;
    this.onEnd = onEnd;
    this.result.catch(() => {
    });
  }
  items = [];
  nextSeq = 0;
  link;
  subscription;
  /** Reads what comes of it. */
  reader = AS_IT_IS;
  /** Whether the node may know of it. */
  sent = false;
  ended = false;
  #news = [];
  #resolve;
  #reject;
  error;
  result = new Promise((resolve, reject) => {
    this.#resolve = resolve;
    this.#reject = reject;
  });
  get id() {
    return this.options.id;
  }
  get isResumable() {
    return this.options.resumable === true;
  }
  attach(link, subscription) {
    if (this.ended) {
      if (this.error) link.unsubscribe(subscription);
      else link.forget(subscription);
      return;
    }
    this.link = link;
    this.subscription = subscription;
  }
  /** The next event. One that came before is left out, one that is missing is an error: a reader gets every item once
   * and in order, or the stream ends. */
  take(event) {
    if (this.ended) return;
    if (typeof event?.seq !== "number") return this.fail(new RealmError("PROTOCOL", `no event: ${JSON.stringify(event)}`));
    if (event.seq < this.nextSeq) return;
    if (event.seq > this.nextSeq) {
      if (event.type === "error") return this.fail(RealmError.ofEvent(event.error));
      return this.fail(new RealmError("PROTOCOL", `event ${this.nextSeq} is missing; ${event.seq} came`));
    }
    this.nextSeq += 1;
    if (event.type === "stream") {
      if (!this.keepsItems) return;
      if (this.items.length >= UNREAD_MAX) {
        return this.fail(new RealmError("SLOW_CONSUMER", `${UNREAD_MAX} events were not read`, { events_max: UNREAD_MAX }));
      }
      try {
        this.items.push(withText(this.reader.item(event.data)));
      } catch (error) {
        return this.fail(asRealmError(error));
      }
      this.#tell();
    } else if (event.type === "result") {
      try {
        const result = this.reader.result(event.data);
        this.#finish();
        this.#resolve(result);
      } catch (error) {
        this.#endWith(asRealmError(error));
      }
    } else if (event.type === "error") {
      this.#endWith(RealmError.ofEvent(event.error));
    } else {
      this.fail(new RealmError("PROTOCOL", `an event of an unknown type: ${JSON.stringify(event)}`));
    }
  }
  /** Ends it from this side, and on the node if it runs there. */
  fail(error) {
    if (this.ended) return;
    this.error = error;
    const { link, subscription } = this;
    this.link = void 0;
    if (link && subscription !== void 0) link.unsubscribe(subscription);
    this.#finish();
    this.#reject(error);
  }
  /** Resolves at the next item or at the end. */
  news() {
    return new Promise((resolve) => this.#news.push(resolve));
  }
  /** Ended on the node with this. */
  #endWith(error) {
    this.error = error;
    this.#finish();
    this.#reject(error);
  }
  #finish() {
    this.ended = true;
    if (this.link && this.subscription !== void 0) this.link.forget(this.subscription);
    this.link = void 0;
    this.#tell();
    this.onEnd(this);
  }
  #tell() {
    for (const tell of this.#news.splice(0)) tell();
  }
};
function withText(item) {
  if (item !== null && typeof item === "object" && typeof item.token === "string" && !("text" in item)) {
    Object.defineProperty(item, "text", { value: item.token, enumerable: false });
  }
  return item;
}
var RealmStream = class {
  #call;
  constructor(call) {
    this.#call = call;
  }
  /** What the function returned, once it has. Rejects with a RealmError if the call failed. */
  get result() {
    return this.#call.result;
  }
  /** The request's id, by which `realm_resume` knows it; undefined if it is not resumable and was given none. */
  get id() {
    return this.#call.id;
  }
  /** Ends the call, on the node too. One that is over stays as it is. */
  cancel() {
    this.#call.fail(new RealmError("CANCELLED", "the call was cancelled by its caller"));
  }
  async *[Symbol.asyncIterator]() {
    const call = this.#call;
    try {
      for (; ; ) {
        while (call.items.length > 0) yield call.items.shift();
        if (call.ended) {
          if (call.error) throw call.error;
          return;
        }
        await call.news();
      }
    } finally {
      this.cancel();
    }
  }
};

// src/calls.ts
var DEADLINE_GRACE_MS = 5e3;
var METADATA = "system_metadata";
var UNWANTED_MAX = 1e3;
var Calls = class {
  constructor(connection, known, settings) {
    this.connection = connection;
    this.known = known;
    this.settings = settings;
  }
  #running = /* @__PURE__ */ new Set();
  /** Streams that were ended while there was no connection to tell the node by. */
  #unwanted = /* @__PURE__ */ new Set();
  begin(func, params, options, streams) {
    const timeoutMs = options.timeoutMs ?? this.settings.timeoutMs;
    const resumable = streams && (options.resumable ?? true) && this.settings.autoReconnect;
    const asked = {
      // A stream whose connection is lost before the answer came is found again by its id.
      ...(options.id !== void 0 || resumable) && { id: options.id ?? randomId() },
      ...this.settings.tenantId !== void 0 && { tenant_id: this.settings.tenantId },
      ...timeoutMs !== void 0 && { deadline_ms: Math.max(1, Math.round(timeoutMs)) },
      ...resumable && { resumable: true }
    };
    const { signal } = options;
    let timer;
    const abort = () => call.fail(new RealmError("CANCELLED", "the call was aborted", { reason: signal?.reason }));
    const call = new Call(asked, streams, (ended) => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", abort);
      this.#running.delete(ended);
      const runsOn = ended.isResumable && ended.sent && ended.error !== void 0 && !this.connection.isOpen;
      if (runsOn && this.connection.isConnected && this.#unwanted.size < UNWANTED_MAX) this.#unwanted.add(ended);
    });
    this.#running.add(call);
    if (signal?.aborted) {
      abort();
      return call;
    }
    signal?.addEventListener("abort", abort, { once: true });
    if (timeoutMs !== void 0) {
      const late = () => call.fail(new RealmError("DEADLINE_EXCEEDED", `no answer within ${timeoutMs} ms`, { deadline_ms: timeoutMs }));
      timer = setTimeout(late, timeoutMs + DEADLINE_GRACE_MS);
    }
    const wanted = { func, params: params ?? {}, pin: options.runtime, streams };
    void this.#start(call, wanted, func === METADATA ? "json" : options.encoding ?? this.settings.encoding);
    return call;
  }
  /** The connection is lost. Those that can are taken up again with the next one. */
  lost(link) {
    for (const call of [...this.#running]) {
      if (call.link !== link) continue;
      call.link = call.subscription = void 0;
      if (!call.isResumable) {
        call.fail(new RealmError("DISCONNECTED", "the connection was lost while the call ran"));
      }
    }
  }
  /** There is another connection. */
  renewed(link) {
    for (const call of this.#running) if (call.isResumable && call.sent) void this.#resume(call, link);
    for (const call of this.#unwanted) void this.#resume(call, link);
    this.#unwanted.clear();
  }
  /** There will be no other connection. */
  over(error) {
    for (const call of [...this.#running]) call.fail(new RealmError(error.code, error.message, error.data));
  }
  async #start(call, wanted, encoding) {
    let doubted = false;
    while (!call.ended) {
      let form;
      try {
        form = await this.#form(wanted, encoding, !doubted);
        const link = await this.connection.ready();
        if (call.ended) return;
        call.link = link;
        call.sent = true;
        call.reader = form.reader;
        const options = { ...call.options, ...form.pin !== void 0 && { runtime: form.pin } };
        const subscription = await link.request(
          "realm_subscribe",
          [form.func, form.params, options],
          (event) => call.take(event)
        );
        return call.attach(link, String(subscription));
      } catch (error) {
        const known = asRealmError(error);
        if (known.data.sent === false) {
          call.link = void 0;
          call.sent = false;
          continue;
        }
        if (known.code === "RUNTIME_CHANGED" && form?.runtime !== void 0 && wanted.pin === void 0 && !doubted) {
          call.link = void 0;
          call.sent = false;
          doubted = true;
          this.known.doubt(form.runtime);
          continue;
        }
        if (known.code === "DISCONNECTED" && call.isResumable && call.sent && this.connection.isConnected) return;
        return call.fail(known);
      }
    }
  }
  /** The call as it is to be sent. What SCALE's types refuse is looked at once more by metadata read anew, if `mayDoubt`:
   * the runtime may have been replaced, and the news be still on its way. */
  async #form(wanted, encoding, mayDoubt) {
    if (encoding === "json") return this.#asked(() => inJson(this.known, wanted));
    const runtime = await this.#asked(() => this.known.runtime());
    try {
      return inScale(runtime, wanted);
    } catch (error) {
      if (!mayDoubt) throw error;
      this.known.doubt(runtime);
      const again = await this.#asked(() => this.known.runtime());
      if (again === runtime) throw error;
      return inScale(again, wanted);
    }
  }
  /** Asks the node about itself. That changes nothing on the node, so it may be done again on another connection. */
  async #asked(ask) {
    for (; ; ) {
      try {
        return await ask();
      } catch (error) {
        const lost = error instanceof RealmError && error.code === "DISCONNECTED";
        if (!lost || !this.connection.isConnected) throw error;
      }
    }
  }
  async #resume(call, link) {
    call.link = link;
    try {
      const tenant = this.settings.tenantId;
      const params = [call.id, call.nextSeq, ...tenant === void 0 ? [] : [{ tenant_id: tenant }]];
      call.attach(link, String(await link.request("realm_resume", params, (event) => call.take(event))));
    } catch (error) {
      const { code, message, data } = asRealmError(error);
      if (code === "DISCONNECTED") return;
      const why = `the connection was lost, and the node cannot go on with the stream: ${message}`;
      call.fail(new RealmError("DISCONNECTED", why, { ...data, cause: code }));
    }
  }
};
function randomId() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

// src/link.ts
var LOOKS = 2;
var Link = class _Link {
  #socket;
  #nextId = 1;
  #pending = /* @__PURE__ */ new Map();
  #routes = /* @__PURE__ */ new Map();
  #open = true;
  /** Looks in a row that found nothing new from the node. */
  #silentLooks = 0;
  #watch;
  #end;
  /** Resolves when the connection is over, for whatever reason. */
  ended = new Promise((resolve) => this.#end = resolve);
  constructor(socket, silenceMs) {
    this.#socket = socket;
    socket.onmessage = ({ data }) => this.#receive(data);
    socket.onclose = () => this.#over();
    socket.onerror = () => this.#over();
    socket.on?.("ping", () => this.#silentLooks = 0);
    this.#watch = setInterval(() => this.#look(silenceMs), silenceMs / LOOKS);
  }
  /** Connects. Rejects with DISCONNECTED, also if that takes longer than `connectTimeoutMs`. */
  static open(transport, url, identity, times) {
    const waitMs = times.connectTimeoutMs;
    return new Promise((resolve, reject) => {
      const failed = (why) => reject(new RealmError("DISCONNECTED", `cannot connect to ${url}: ${why}`));
      let socket;
      try {
        socket = transport.open(url, identity);
      } catch (error) {
        return failed(String(error));
      }
      const timer = setTimeout(() => {
        failed(`no answer within ${waitMs} ms`);
        abandon(socket);
      }, waitMs);
      socket.onerror = (event) => {
        clearTimeout(timer);
        const why = String(event?.message ?? "the connection failed");
        const status = Number(/server response: (\d+)/.exec(why)?.[1]);
        const code = { 401: "UNAUTHENTICATED", 403: "FORBIDDEN" }[status];
        if (code) reject(new RealmError(code, `${url} answered with status ${status}`));
        else failed(why);
      };
      socket.onclose = () => failed("the connection was closed");
      socket.onopen = () => {
        clearTimeout(timer);
        resolve(new _Link(socket, times.silenceMs));
      };
    });
  }
  get isOpen() {
    return this.#open;
  }
  close() {
    this.#socket.close();
    this.#over();
  }
  /** Gives the connection up without waiting for the node, which may not hear anything any more. */
  drop(why) {
    abandon(this.#socket);
    this.#over(why);
  }
  /** Asks and waits for the answer. With `route` the answer is a subscription's id, and whatever comes for it goes
   * there, from the very first on. */
  request(method, params, route) {
    if (!this.#open) return Promise.reject(new RealmError("DISCONNECTED", "the connection is lost", { sent: false }));
    const id = this.#nextId++;
    let frame;
    try {
      frame = JSON.stringify({ jsonrpc: "2.0", id, method, params });
    } catch (error) {
      return Promise.reject(new RealmError("INVALID_PARAMS", `the parameters cannot be written as JSON: ${String(error)}`));
    }
    return new Promise((resolve, reject) => {
      this.#pending.set(id, { resolve, reject, route });
      this.#socket.send(frame);
    });
  }
  /** Ends a subscription; nothing of it is routed from here on. What the node says to that changes nothing. */
  unsubscribe(subscription, method = "realm_unsubscribe") {
    if (this.#routes.delete(subscription)) this.request(method, [subscription]).catch(() => {
    });
  }
  /** The subscription is over on its own. */
  forget(subscription) {
    this.#routes.delete(subscription);
  }
  /** A connection that broke without a word (a cable, a NAT entry) looks open for ever, so the silence is measured. */
  #look(silenceMs) {
    this.#silentLooks += 1;
    if (this.#silentLooks === LOOKS) this.request("system_health", []).catch(() => {
    });
    if (this.#silentLooks >= 2 * LOOKS) this.drop(`nothing came from the node for ${2 * silenceMs} ms`);
  }
  #receive(frame) {
    this.#silentLooks = 0;
    let message;
    try {
      message = JSON.parse(String(frame));
    } catch {
      return this.close();
    }
    if (typeof message?.method === "string") {
      const params = message.params;
      this.#routes.get(String(params?.subscription))?.(params?.result);
      return;
    }
    const pending = this.#pending.get(message?.id);
    if (!pending) return;
    this.#pending.delete(message.id);
    if (message.error) return pending.reject(RealmError.ofResponse(message.error));
    if (pending.route) this.#routes.set(String(message.result), pending.route);
    pending.resolve(message.result);
  }
  #over(why = "the connection was lost before the answer came") {
    if (!this.#open) return;
    this.#open = false;
    clearInterval(this.#watch);
    for (const { reject } of this.#pending.values()) {
      reject(new RealmError("DISCONNECTED", why));
    }
    this.#pending.clear();
    this.#routes.clear();
    this.#end();
  }
};
function abandon(socket) {
  if (socket.terminate) socket.terminate();
  else socket.close();
}

// src/connection.ts
var NO_USE = /* @__PURE__ */ new Set(["UNAUTHENTICATED", "FORBIDDEN", "INVALID_PARAMS"]);
var Connection = class {
  constructor(transport, settings, listener) {
    this.transport = transport;
    this.settings = settings;
    this.listener = listener;
  }
  #link;
  #state = "new";
  /** Counts what ends the current series of links, so that a supervisor of an earlier series stops. */
  #series = 0;
  #closed = false;
  #over = new RealmError("DISCONNECTED", "the client is not connected; call connect()");
  /** Whether `reconnect` was called since the link was lost: then another is made also without `autoReconnect`. */
  #anotherWanted = false;
  #waiting = [];
  #wake;
  /** Whether there is a link, or another attempt at one. */
  get isConnected() {
    return this.#state === "connected";
  }
  /** Whether something can be sent now. */
  get isOpen() {
    return this.#link?.isOpen === true;
  }
  async connect() {
    if (this.#state === "connected") throw new RealmError("INVALID_PARAMS", "the client is connected already");
    await this.#begin();
  }
  /** Replaces the link, in any state. The promise never counts as unhandled, because handlers of `disconnect` drop it. */
  reconnect() {
    const made = this.#reconnect();
    made.catch(() => {
    });
    return made;
  }
  close() {
    this.#closed = true;
    this.#giveUp(new RealmError("CANCELLED", "the client was closed"));
    this.#link?.close();
    this.#link = void 0;
    this.#wake?.();
  }
  /** An open link, as soon as there is one. */
  async ready() {
    for (; ; ) {
      if (this.#state !== "connected") throw this.#whyOver();
      if (this.#link?.isOpen) return this.#link;
      await this.#change();
    }
  }
  async #reconnect() {
    if (this.#state !== "connected") {
      if (this.#closed) throw this.#whyOver();
      const isFirst = this.#state === "new";
      const made = await this.#begin();
      if (!isFirst) this.listener.renewed(made);
      return;
    }
    const link = this.#link;
    this.#anotherWanted = true;
    this.#wake?.();
    link?.drop("the client reconnects");
    while (this.#link === link && link !== void 0 && this.#state === "connected") await this.#change();
    await this.ready();
  }
  /** The first link of a series. One attempt: its error is the caller's. */
  async #begin() {
    const before = this.#state;
    const series = ++this.#series;
    this.#state = "connected";
    this.#closed = this.#anotherWanted = false;
    let link;
    try {
      link = await this.#open();
    } catch (error) {
      if (series === this.#series) {
        this.#state = before;
        this.#over = asRealmError(error);
        this.#notify();
      }
      throw error;
    }
    if (series !== this.#series) {
      link.close();
      throw this.#whyOver();
    }
    this.#link = link;
    this.#notify();
    void this.#supervise(link, series);
    return link;
  }
  async #open() {
    const { wsUrl, apiKey, tenantId, connectTimeoutMs, silenceMs } = this.settings;
    const link = await Link.open(this.transport, wsUrl, { apiKey, tenantId }, { connectTimeoutMs, silenceMs });
    const late = setTimeout(() => link.drop(`no answer within ${connectTimeoutMs} ms`), connectTimeoutMs);
    try {
      if (apiKey !== void 0 && !this.transport.sendsKey) {
        await link.request("realm_authenticate", tenantId === void 0 ? [apiKey] : [apiKey, tenantId]);
      }
      await link.request("state_subscribeRuntimeVersion", [], (version) => this.listener.runtime(version));
    } catch (error) {
      link.close();
      throw error;
    } finally {
      clearTimeout(late);
    }
    return link;
  }
  async #supervise(first, series) {
    for (let link = first; ; ) {
      await link.ended;
      if (series !== this.#series) return;
      this.#link = void 0;
      this.#anotherWanted ||= this.settings.autoReconnect;
      this.listener.lost(link);
      this.#notify();
      if (series !== this.#series) return;
      if (!this.#anotherWanted) return this.#giveUp(new RealmError("DISCONNECTED", "the connection was lost"));
      const next = await this.#again(series);
      if (!next) return;
      this.#anotherWanted = false;
      link = this.#link = next;
      this.listener.renewed(link);
      this.#notify();
    }
  }
  /** Another link, after as many attempts as that takes. */
  async #again(series) {
    const { backoffMsMin, backoffMsMax, reconnectAttemptsMax } = this.settings;
    for (let failures = 0; series === this.#series; ) {
      await this.#sleep(Math.min(backoffMsMin * 2 ** failures, backoffMsMax) * (0.5 + Math.random() / 2));
      if (series !== this.#series) break;
      try {
        const link = await this.#open();
        if (series === this.#series) return link;
        link.close();
      } catch (error) {
        failures += 1;
        const known = asRealmError(error);
        if (series === this.#series && (NO_USE.has(known.code) || failures >= reconnectAttemptsMax)) this.#giveUp(known);
      }
    }
    return void 0;
  }
  #giveUp(error) {
    const known = this.#state === "over";
    this.#series += 1;
    this.#over = error;
    this.#state = "over";
    this.#notify();
    if (!known) this.listener.over(error);
  }
  #whyOver() {
    return new RealmError(this.#over.code, this.#over.message, this.#over.data);
  }
  #change() {
    return new Promise((resolve) => this.#waiting.push(resolve));
  }
  #notify() {
    for (const tell of this.#waiting.splice(0)) tell();
  }
  #sleep(ms) {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
};

// src/emitter.ts
var Emitter = class {
  #handlers = /* @__PURE__ */ new Map();
  /** Hears of an event; the function given back ends that. */
  on(event, handler) {
    const handlers = this.#handlers.get(event) ?? /* @__PURE__ */ new Set();
    this.#handlers.set(event, handlers.add(handler));
    return () => void handlers.delete(handler);
  }
  emit(event, value) {
    for (const handler of this.#handlers.get(event) ?? []) {
      try {
        const returned = handler(value);
        if (returned instanceof Promise) returned.catch((error) => error instanceof RealmError || report(error));
      } catch (error) {
        report(error);
      }
    }
  }
};
function report(error) {
  queueMicrotask(() => {
    throw error;
  });
}

// src/following.ts
var Following = class {
  constructor(method, unsubscribe, params, onItem, onEnd) {
    this.method = method;
    this.unsubscribe = unsubscribe;
    this.params = params;
    this.onItem = onItem;
    this.onEnd = onEnd;
  }
  #link;
  #subscription;
  #over = false;
  /** Whether the node knows of it, on a connection that holds. */
  get isSubscribed() {
    return this.#link?.isOpen === true;
  }
  /** Subscribes on this connection. If it is lost meanwhile, the next one is another chance; rejects if the node refuses. */
  async start(link) {
    try {
      const route = (item) => this.#over || this.onItem(item);
      const subscription = String(await link.request(this.method, this.params, route));
      if (this.#over) return link.unsubscribe(subscription, this.unsubscribe);
      [this.#link, this.#subscription] = [link, subscription];
    } catch (error) {
      if (!(error instanceof RealmError && error.code === "DISCONNECTED")) throw error;
    }
  }
  /** Ends it from this side. */
  stop() {
    this.#over = true;
    if (this.#link?.isOpen && this.#subscription !== void 0) this.#link.unsubscribe(this.#subscription, this.unsubscribe);
  }
  /** There will be nothing more. */
  end(error) {
    if (this.#over) return;
    this.#over = true;
    this.onEnd(error);
  }
};

// src/known.ts
var METADATA_VERSION = 15;
var Known = class {
  constructor(request, settings, loadScale) {
    this.request = request;
    this.settings = settings;
    this.loadScale = loadScale;
  }
  #document;
  #runtime;
  /** What `#runtime` came to, once it has. */
  #current;
  /** The last one that was decoded, in force or not. */
  #decoded;
  /** The node's document of functions and types. */
  document() {
    const asked = this.#document ??= this.request("system_metadata", []);
    asked.catch(() => {
      if (this.#document === asked) this.#document = void 0;
    });
    return asked;
  }
  /** The runtime by its metadata. */
  runtime() {
    const asked = this.#runtime ??= this.#read();
    asked.then(
      (runtime) => {
        if (this.#runtime === asked) this.#current = runtime;
      },
      () => {
        if (this.#runtime === asked) this.#runtime = void 0;
      }
    );
    return asked;
  }
  /** There may be another runtime. */
  forget() {
    this.#document = this.#runtime = this.#current = void 0;
  }
  /** This one may not be in force any more. If somebody else has said so already, nothing is asked twice. */
  doubt(runtime) {
    if (this.#current === runtime) this.forget();
  }
  async #read() {
    if (this.loadScale === void 0) {
      throw new RealmError("INVALID_PARAMS", "this build of the client has no SCALE; realm-client-scale.browser.js has");
    }
    const [{ Runtime }, hex] = await Promise.all([this.loadScale(), this.#metadata()]);
    if (this.#decoded?.hex !== hex) this.#decoded = { hex, runtime: new Runtime(hex) };
    return this.#decoded.runtime;
  }
  /** Metadata as `0x` and hex digits. A tenant that the connection alone does not say is asked as that tenant. */
  async #metadata() {
    const { tenantId } = this.settings;
    const hex = tenantId === void 0 ? await this.request("state_getMetadata", []) : await this.request("realm_call", ["Metadata_metadata_at_version", [METADATA_VERSION], { tenant_id: tenantId }]);
    if (typeof hex === "string") return hex;
    throw new RealmError("PROTOCOL", `the node has no metadata of version ${METADATA_VERSION}`);
  }
};

// src/settings.ts
function withDefaults(settings) {
  return {
    ...settings,
    wsUrl: settings.wsUrl ?? "ws://127.0.0.1:9944",
    encoding: settings.encoding ?? "json",
    connectTimeoutMs: settings.connectTimeoutMs ?? 1e4,
    silenceMs: settings.silenceMs ?? 2e4,
    autoReconnect: settings.autoReconnect ?? true,
    backoffMsMin: settings.backoffMsMin ?? 100,
    backoffMsMax: settings.backoffMsMax ?? 1e4,
    reconnectAttemptsMax: settings.reconnectAttemptsMax ?? Infinity
  };
}

// src/client.ts
var BaseClient = class {
  #connection;
  #known;
  #calls;
  #followed = /* @__PURE__ */ new Set();
  #events = new Emitter();
  #version;
  constructor(transport, settings = {}, loadScale) {
    const all = withDefaults(settings);
    this.#connection = new Connection(transport, all, {
      lost: (link) => this.#lost(link),
      renewed: (link) => this.#renewed(link),
      over: (error) => this.#over(error),
      runtime: (version) => this.#seeRuntime(version)
    });
    this.#known = new Known((method, params) => this.request(method, params), all, loadScale);
    this.#calls = new Calls(this.#connection, this.#known, all);
  }
  /** Connects. Rejects with a RealmError if that fails; from then on, a lost connection is replaced. */
  connect() {
    return this.#connection.connect();
  }
  /** Replaces the connection; streams go on over the new one. Also opens one where the client has none: before `connect()`,
   * and after the connection was given up, but not after `close()`. Rejects with a RealmError if there will be none; nobody
   * has to look at that, so `client.on('disconnect', () => client.reconnect())` is safe in every state. */
  reconnect() {
    return this.#connection.reconnect();
  }
  /** Ends all calls and the connection. */
  close() {
    this.#connection.close();
  }
  call(func, params, options = {}) {
    return this.#calls.begin(func, params, options, false).result;
  }
  stream(func, params, options = {}) {
    return new RealmStream(this.#calls.begin(func, params, options, true));
  }
  /** What can be called, as the node tells it in JSON: functions and types of the runtime in force. */
  metadata() {
    return this.#known.document();
  }
  /** The runtime in force by its own SCALE metadata: its functions, its types, and codecs for both. Read once, and anew when
   * there is another runtime; what it gave before stays as it was. */
  runtime() {
    return this.#known.runtime();
  }
  /** Any other JSON-RPC method of the node. */
  async request(method, params = []) {
    return (await this.#connection.ready()).request(method, params);
  }
  /** Follows a subscription of the node that is no call, as `chain_subscribeNewHeads`: each notification goes to `onItem`,
   * and a new connection subscribes anew. The function given back ends it, with `unsubscribe`. If the node refuses it later,
   * or there will be no other connection, `onEnd` hears why. */
  async subscribe(method, unsubscribe, params, onItem, onEnd = () => {
  }) {
    const followed = new Following(method, unsubscribe, params, onItem, (error) => {
      this.#followed.delete(followed);
      onEnd(error);
    });
    do
      await followed.start(await this.#connection.ready());
    while (!followed.isSubscribed);
    this.#followed.add(followed);
    return () => {
      this.#followed.delete(followed);
      followed.stop();
    };
  }
  /** Hears of an event; the function given back ends that. */
  on(event, handler) {
    return this.#events.on(event, handler);
  }
  #lost(link) {
    this.#known.forget();
    this.#calls.lost(link);
    this.#events.emit("disconnect", void 0);
  }
  #renewed(link) {
    this.#calls.renewed(link);
    for (const followed of this.#followed) followed.start(link).catch((error) => followed.end(asRealmError(error)));
    this.#events.emit("reconnect", void 0);
  }
  #over(error) {
    this.#calls.over(error);
    for (const followed of [...this.#followed]) followed.end(error);
    this.#events.emit("close", error);
  }
  #seeRuntime(version) {
    const before = this.#version;
    this.#version = version;
    if (before && (before.specName !== version.specName || before.specVersion !== version.specVersion)) {
      this.#known.forget();
      this.#events.emit("runtimeChanged", version);
    }
  }
};

// src/transport-browser.ts
var browserTransport = {
  sendsKey: false,
  open: (url) => new WebSocket(url)
};

// src/page.ts
var RealmClient = class extends BaseClient {
  constructor(settings = {}) {
    super(browserTransport, settings);
  }
};
export {
  RealmClient,
  RealmError
};
