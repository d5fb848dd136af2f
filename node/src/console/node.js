// The node at the other end of one WebSocket: calls, subscriptions, and coming back after it was lost.
// Nothing here knows a function; what there is comes from the node's own description.

const RETRY_MS_MIN = 500;
const RETRY_MS_MAX = 15_000;

/** An error that the node answered with. `code` is its stable string. */
export class NodeError extends Error {
  constructor(error) {
    const code = error?.data?.code ?? error?.code;
    super(error?.message ?? "the node answered with an error");
    this.code = String(code ?? "");
    this.data = error?.data;
  }
}

/** One connection. Emits `state` ("connecting", "connected", "lost"). */
export class Node extends EventTarget {
  #url; #socket = null; #nextId = 1; #pending = new Map(); #streams = new Map(); #early = new Map(); #retry = RETRY_MS_MIN; #greet = async () => {};
  state = "connecting";

  constructor(url) {
    super();
    this.#url = url;
  }

  /** Connects, and again whenever the connection is lost. `greet` runs first on each connection. */
  open(greet) {
    this.#greet = greet;
    this.#connect();
  }

  /** Drops this connection; the next one is greeted anew. */
  reconnect() {
    this.#retry = 0;
    this.#socket?.close();
  }

  /** Calls a JSON-RPC method. */
  request(method, params = []) {
    if (this.#socket?.readyState !== WebSocket.OPEN) return Promise.reject(new NodeError({ code: "CONNECTION", message: "there is no connection to the node" }));
    const id = this.#nextId++;
    return new Promise((resolve, reject) => {
      this.#pending.set(id, { resolve, reject });
      this.#socket.send(JSON.stringify({ jsonrpc: "2.0", id, method, params }));
    });
  }

  /** Subscribes; `on` gets each notification, and `ended` hears that the connection was lost. Gives a function that ends it. */
  async subscribe(method, unsubscribe, params, on, ended = () => {}) {
    const id = await this.request(method, params);
    this.#streams.set(id, { on, ended });
    // What came between the answer and this line.
    for (const early of this.#early.get(id) ?? []) on(early);
    this.#early.delete(id);
    return () => {
      if (this.#streams.delete(id)) this.request(unsubscribe, [id]).catch(() => {});
    };
  }

  /** Calls a runtime function; `onItem` gets what it streams. Rejects with a NodeError; `signal` cancels it on the node. */
  stream(name, params, options, onItem, signal) {
    return new Promise((resolve, reject) => {
      let stop = () => {};
      const cancelled = () => {
        stop();
        reject(new NodeError({ code: "CANCELLED", message: "stopped" }));
      };
      const on = (event) => {
        if (event.type === "stream") return onItem(event.data);
        signal?.removeEventListener("abort", cancelled);
        if (event.type === "result") resolve(event.data);
        else reject(new NodeError({ message: event.error.message, data: { ...event.error.data, code: event.error.code } }));
      };
      const lost = () => reject(new NodeError({ code: "CONNECTION", message: "the connection was lost before the answer was whole" }));
      this.subscribe("realm_subscribe", "realm_unsubscribe", [name, params, options], on, lost).then((end) => {
        stop = end;
        if (signal?.aborted) return cancelled();
        signal?.addEventListener("abort", cancelled, { once: true });
      }, reject);
    });
  }

  #connect() {
    this.#become("connecting");
    const socket = new WebSocket(this.#url);
    this.#socket = socket;
    socket.onopen = async () => {
      try {
        await this.#greet(this);
        this.#retry = RETRY_MS_MIN;
        this.#become("connected");
      } catch (error) {
        this.dispatchEvent(new CustomEvent("refused", { detail: error }));
        this.#become("connected");
      }
    };
    socket.onmessage = ({ data }) => this.#receive(JSON.parse(data));
    socket.onclose = () => this.#lost();
  }

  #receive(message) {
    if (message.method !== undefined) {
      const { subscription, result } = message.params ?? {};
      const stream = this.#streams.get(subscription);
      if (stream) stream.on(result);
      else if (this.#early.size < 64) this.#early.set(subscription, [...(this.#early.get(subscription) ?? []), result]);
      return;
    }
    const pending = this.#pending.get(message.id);
    this.#pending.delete(message.id);
    if (message.error) pending?.reject(new NodeError(message.error));
    else pending?.resolve(message.result);
  }

  #lost() {
    const [pending, streams] = [[...this.#pending.values()], [...this.#streams.values()]];
    this.#pending.clear();
    this.#streams.clear();
    this.#early.clear();
    for (const { reject } of pending) reject(new NodeError({ code: "CONNECTION", message: "the connection was lost" }));
    for (const { ended } of streams) ended();
    this.#become("lost");
    const wait = this.#retry * (0.5 + Math.random());
    this.#retry = Math.min(Math.max(this.#retry * 2, RETRY_MS_MIN), RETRY_MS_MAX);
    setTimeout(() => this.#connect(), wait);
  }

  #become(state) {
    this.state = state;
    this.dispatchEvent(new CustomEvent("state", { detail: state }));
  }
}
