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

// src/link.ts
var Link = class _Link {
  #socket;
  #nextId = 1;
  #pending = /* @__PURE__ */ new Map();
  #routes = /* @__PURE__ */ new Map();
  #open = true;
  #end;
  /** Resolves when the connection is over, for whatever reason. */
  ended = new Promise((resolve) => this.#end = resolve);
  constructor(socket) {
    this.#socket = socket;
    socket.onmessage = ({ data }) => this.#receive(data);
    socket.onclose = () => this.#over();
    socket.onerror = () => this.#over();
  }
  /** Connects. Rejects with DISCONNECTED, also if that takes longer than `waitMs`. */
  static open(transport, url, apiKey, waitMs) {
    return new Promise((resolve, reject) => {
      const failed = (why) => reject(new RealmError("DISCONNECTED", `cannot connect to ${url}: ${why}`));
      let socket;
      try {
        socket = transport.open(url, apiKey);
      } catch (error) {
        return failed(String(error));
      }
      const timer = setTimeout(() => {
        failed(`no answer within ${waitMs} ms`);
        socket.close();
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
        resolve(new _Link(socket));
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
  #receive(frame) {
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
  #over() {
    if (!this.#open) return;
    this.#open = false;
    for (const { reject } of this.#pending.values()) {
      reject(new RealmError("DISCONNECTED", "the connection was lost before the answer came"));
    }
    this.#pending.clear();
    this.#routes.clear();
    this.#end();
  }
};

// src/stream.ts
var UNREAD_MAX = 1e5;
var Call = class {
  constructor(func, params, options, keepsItems, onEnd) {
    this.func = func;
    this.params = params;
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
      this.items.push(withText(event.data));
      this.#tell();
    } else if (event.type === "result") {
      this.#finish();
      this.#resolve(event.data);
    } else if (event.type === "error") {
      this.error = RealmError.ofEvent(event.error);
      this.#finish();
      this.#reject(this.error);
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

// src/client.ts
var DEADLINE_GRACE_MS = 5e3;
var NO_USE = /* @__PURE__ */ new Set(["UNAUTHENTICATED", "FORBIDDEN", "INVALID_PARAMS"]);
var UNWANTED_MAX = 1e3;
var STREAMING_TWIN = "stream_";
var BaseClient = class {
  #settings;
  #transport;
  #link;
  #state = "new";
  #over = new RealmError("DISCONNECTED", "the client is not connected; call connect()");
  #waiting = [];
  #running = /* @__PURE__ */ new Set();
  #followed = /* @__PURE__ */ new Set();
  /** Streams that were ended while there was no connection to tell the node by. */
  #unwanted = /* @__PURE__ */ new Set();
  #handlers = /* @__PURE__ */ new Map();
  #runtime;
  #metadata;
  #wake;
  constructor(transport, settings = {}) {
    this.#transport = transport;
    this.#settings = {
      ...settings,
      wsUrl: settings.wsUrl ?? "ws://127.0.0.1:9944",
      connectTimeoutMs: settings.connectTimeoutMs ?? 1e4,
      autoReconnect: settings.autoReconnect ?? true,
      backoffMsMin: settings.backoffMsMin ?? 100,
      backoffMsMax: settings.backoffMsMax ?? 1e4,
      reconnectAttemptsMax: settings.reconnectAttemptsMax ?? Infinity
    };
  }
  /** Connects. Rejects with a RealmError if that fails; once it has been made, a lost connection is made anew. */
  async connect() {
    if (this.#state === "connected") throw new RealmError("INVALID_PARAMS", "the client is connected already");
    this.#state = "connected";
    try {
      this.#link = await this.#open();
    } catch (error) {
      this.#state = "new";
      throw error;
    }
    void this.#supervise(this.#link);
  }
  /** Gives up the connection and makes another. Streams are taken up again. */
  async reconnect() {
    const link = this.#link;
    this.#wake?.();
    link?.close();
    while (this.#link === link && this.#state === "connected") await this.#change();
    await this.#ready();
  }
  /** Ends all calls and the connection. */
  close() {
    this.#giveUp(new RealmError("CANCELLED", "the client was closed"));
    this.#link?.close();
    this.#link = void 0;
    this.#wake?.();
  }
  /** Calls a function and waits for its result. A call whose connection is lost is not made again, because it may have
   * been executed: it rejects with DISCONNECTED. */
  call(func, ...[params, options]) {
    return this.#begin(func, params, options ?? {}, false).result;
  }
  /** Calls a function and gives its items as they come, then its `result`. A function that streams nothing is called
   * by its streaming twin, if the runtime has one (`stream_generate` of `generate`, with the same parameters and result).
   * A stream whose connection is lost goes on where it stopped, or rejects. */
  stream(func, ...[params, options]) {
    return new RealmStream(this.#begin(func, params, options ?? {}, true));
  }
  /** What can be called: functions and types of the runtime in force. */
  metadata() {
    const asked = this.#metadata ??= this.request("system_metadata", []);
    asked.catch(() => {
      if (this.#metadata === asked) this.#metadata = void 0;
    });
    return asked;
  }
  /** Any other JSON-RPC method of the node. */
  async request(method, params = []) {
    return (await this.#ready()).request(method, params);
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
      await followed.start(await this.#ready());
    while (!followed.isSubscribed);
    this.#followed.add(followed);
    return () => {
      this.#followed.delete(followed);
      followed.stop();
    };
  }
  /** Hears of an event; the function given back ends that. */
  on(event, handler) {
    const handlers = this.#handlers.get(event) ?? /* @__PURE__ */ new Set();
    this.#handlers.set(event, handlers.add(handler));
    return () => void handlers.delete(handler);
  }
  #begin(func, params, options, streams) {
    const timeoutMs = options.timeoutMs ?? this.#settings.timeoutMs;
    const resumable = streams && (options.resumable ?? true) && this.#settings.autoReconnect;
    const asked = {
      // A stream whose connection is lost before the answer came is found again by its id.
      ...(options.id !== void 0 || resumable) && { id: options.id ?? randomId() },
      ...this.#settings.tenantId !== void 0 && { tenant_id: this.#settings.tenantId },
      ...timeoutMs !== void 0 && { deadline_ms: Math.max(1, Math.round(timeoutMs)) },
      ...options.runtime !== void 0 && { runtime: options.runtime },
      ...resumable && { resumable: true }
    };
    const { signal } = options;
    let timer;
    const abort = () => call.fail(new RealmError("CANCELLED", "the call was aborted", { reason: signal?.reason }));
    const call = new Call(func, params ?? {}, asked, streams, (ended) => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", abort);
      this.#running.delete(ended);
      const runsOn = ended.isResumable && ended.sent && ended.error !== void 0 && !this.#link?.isOpen;
      if (runsOn && this.#state === "connected" && this.#unwanted.size < UNWANTED_MAX) this.#unwanted.add(ended);
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
    void this.#start(call, streams);
    return call;
  }
  async #start(call, streams) {
    while (!call.ended) {
      try {
        const func = streams ? await this.#streaming(call.func) : call.func;
        const link = await this.#ready();
        if (call.ended) return;
        call.link = link;
        call.sent = true;
        const params = [func, call.params, call.options];
        const subscription = await link.request("realm_subscribe", params, (event) => call.take(event));
        return call.attach(link, String(subscription));
      } catch (error) {
        if (error instanceof RealmError && error.data.sent === false) {
          call.link = void 0;
          call.sent = false;
          continue;
        }
        const lost = error instanceof RealmError && error.code === "DISCONNECTED";
        if (lost && call.isResumable && call.sent && this.#state === "connected") return;
        return call.fail(asRealmError(error));
      }
    }
  }
  /** The function itself, or its streaming twin. */
  async #streaming(func) {
    let functions;
    try {
      functions = (await this.metadata()).functions;
    } catch (error) {
      if (error instanceof RealmError && error.code === "DISCONNECTED" && this.#state === "connected") {
        return this.#streaming(func);
      }
      throw error;
    }
    const known = functions.find(({ name }) => name === func);
    if (!known || known.stream !== null) return func;
    const same = (other) => other.returns === known.returns && JSON.stringify(other.params) === JSON.stringify(known.params);
    const twin = functions.find((other) => other.name === STREAMING_TWIN + func && other.stream !== null && same(other));
    return twin?.name ?? func;
  }
  async #resume(call, link) {
    call.link = link;
    try {
      const tenant = this.#settings.tenantId;
      const params = [call.id, call.nextSeq, ...tenant === void 0 ? [] : [{ tenant_id: tenant }]];
      call.attach(link, String(await link.request("realm_resume", params, (event) => call.take(event))));
    } catch (error) {
      const { code, message, data } = asRealmError(error);
      if (code === "DISCONNECTED") return;
      const why = `the connection was lost, and the node cannot go on with the stream: ${message}`;
      call.fail(new RealmError("DISCONNECTED", why, { ...data, cause: code }));
    }
  }
  async #open() {
    const { wsUrl, apiKey, tenantId, connectTimeoutMs } = this.#settings;
    const link = await Link.open(this.#transport, wsUrl, apiKey, connectTimeoutMs);
    try {
      if (apiKey !== void 0 && !this.#transport.sendsKey) {
        await link.request("realm_authenticate", tenantId === void 0 ? [apiKey] : [apiKey, tenantId]);
      }
      await link.request("state_subscribeRuntimeVersion", [], (version) => this.#seeRuntime(version));
    } catch (error) {
      link.close();
      throw error;
    }
    return link;
  }
  async #supervise(first) {
    let link = first;
    while (this.#state === "connected") {
      await link.ended;
      if (this.#state !== "connected") return;
      this.#link = void 0;
      this.#metadata = void 0;
      this.#lost(link);
      this.#notify();
      this.#emit("disconnect", void 0);
      if (!this.#settings.autoReconnect) return this.#giveUp(new RealmError("DISCONNECTED", "the connection was lost"));
      const next = await this.#again();
      if (!next) return;
      link = this.#link = next;
      for (const call of this.#running) if (call.isResumable && call.sent) void this.#resume(call, link);
      for (const call of this.#unwanted) void this.#resume(call, link);
      this.#unwanted.clear();
      for (const followed of this.#followed) followed.start(link).catch((error) => followed.end(asRealmError(error)));
      this.#notify();
      this.#emit("reconnect", void 0);
    }
  }
  /** Another connection, after as many attempts as that takes. */
  async #again() {
    const { backoffMsMin, backoffMsMax, reconnectAttemptsMax } = this.#settings;
    for (let failures = 0; this.#state === "connected"; ) {
      await this.#sleep(Math.min(backoffMsMin * 2 ** failures, backoffMsMax) * (0.5 + Math.random() / 2));
      if (this.#state !== "connected") break;
      try {
        const link = await this.#open();
        if (this.#state === "connected") return link;
        link.close();
      } catch (error) {
        failures += 1;
        const known = asRealmError(error);
        if (NO_USE.has(known.code) || failures >= reconnectAttemptsMax) this.#giveUp(known);
      }
    }
    return void 0;
  }
  #lost(link) {
    for (const call of [...this.#running]) {
      if (call.link !== link) continue;
      call.link = call.subscription = void 0;
      if (!call.isResumable) {
        call.fail(new RealmError("DISCONNECTED", "the connection was lost while the call ran"));
      }
    }
  }
  async #ready() {
    for (; ; ) {
      if (this.#state !== "connected") throw new RealmError(this.#over.code, this.#over.message, this.#over.data);
      if (this.#link?.isOpen) return this.#link;
      await this.#change();
    }
  }
  #giveUp(error) {
    const known = this.#state === "over";
    this.#over = error;
    this.#state = "over";
    for (const call of [...this.#running]) call.fail(new RealmError(error.code, error.message, error.data));
    for (const followed of [...this.#followed]) followed.end(error);
    this.#notify();
    if (!known) this.#emit("close", error);
  }
  #seeRuntime(version) {
    const before = this.#runtime;
    this.#runtime = version;
    if (before && (before.specName !== version.specName || before.specVersion !== version.specVersion)) {
      this.#metadata = void 0;
      this.#emit("runtimeChanged", version);
    }
  }
  #emit(event, value) {
    for (const handler of this.#handlers.get(event) ?? []) {
      try {
        handler(value);
      } catch (error) {
        queueMicrotask(() => {
          throw error;
        });
      }
    }
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
function randomId() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

// src/transport-browser.ts
var browserTransport = {
  sendsKey: false,
  open: (url) => new WebSocket(url)
};

// src/browser.ts
var RealmClient = class extends BaseClient {
  constructor(settings = {}) {
    super(browserTransport, settings);
  }
};
export {
  RealmClient,
  RealmError
};
