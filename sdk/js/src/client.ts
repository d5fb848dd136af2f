// The client: a connection that is made anew when it is lost, and the calls on it.

import { asRealmError, RealmError } from './errors.js';
import { Following } from './following.js';
import type { Arguments, Item, KnownFunctions, Result } from './functions.js';
import { Link } from './link.js';
import type { Transport } from './socket.js';
import { Call, RealmStream } from './stream.js';

export interface ClientSettings {
  /** Default `ws://127.0.0.1:9944`. */
  wsUrl?: string;
  /** Who one is. */
  apiKey?: string;
  /** As whom to call, where the key leaves a choice. */
  tenantId?: string;
  /** Time limit of calls that have none of their own. Default: the node's. */
  timeoutMs?: number;
  /** How long connecting may take. Default 10 s. */
  connectTimeoutMs?: number;
  /** Whether a lost connection is made anew. Default true. */
  autoReconnect?: boolean;
  /** The first wait before that, doubled with each failure. Default 100 ms. */
  backoffMsMin?: number;
  /** The longest. Default 10 s. */
  backoffMsMax?: number;
  /** Attempts before giving up. Default: without end. */
  reconnectAttemptsMax?: number;
}

export interface CallOptions {
  /** Ends the call, on the node too. */
  signal?: AbortSignal;
  /** Time that the call may take, queueing included. */
  timeoutMs?: number;
  /** One's own id of the request, in the node's log. */
  id?: string;
  /** A metadata hash: the call runs with that runtime or not at all. */
  runtime?: string;
}

export interface StreamOptions extends CallOptions {
  /** Whether the call outlives a lost connection and is taken up again. Default true. */
  resumable?: boolean;
}

export interface ClientEvents {
  disconnect: undefined;
  reconnect: undefined;
  /** The version of the runtime now in force. */
  runtimeChanged: { specName: string; specVersion: number };
  /** No other connection will be made: why. */
  close: RealmError;
}

/** Time that the node gets to say itself that a call's time is over. */
const DEADLINE_GRACE_MS = 5_000;
/** Errors of connecting that another attempt would meet again. */
const NO_USE = new Set(['UNAUTHENTICATED', 'FORBIDDEN', 'INVALID_PARAMS']);
/** Streams that are remembered for that; others end on the node after the time that it keeps them. */
const UNWANTED_MAX = 1000;
/** A function that streams what another one answers is called like that one, with this before it. */
const STREAMING_TWIN = 'stream_';

export class BaseClient<F = KnownFunctions> {
  #settings;
  #transport: Transport;
  #link: Link | undefined;
  #state: 'new' | 'connected' | 'over' = 'new';
  #over = new RealmError('DISCONNECTED', 'the client is not connected; call connect()');
  #waiting: (() => void)[] = [];
  #running = new Set<Call>();
  #followed = new Set<Following>();
  /** Streams that were ended while there was no connection to tell the node by. */
  #unwanted = new Set<Call>();
  #handlers = new Map<string, Set<(value: any) => void>>();
  #runtime: { specName: string; specVersion: number } | undefined;
  #metadata: Promise<any> | undefined;
  #wake: (() => void) | undefined;

  constructor(transport: Transport, settings: ClientSettings = {}) {
    this.#transport = transport;
    this.#settings = {
      ...settings,
      wsUrl: settings.wsUrl ?? 'ws://127.0.0.1:9944',
      connectTimeoutMs: settings.connectTimeoutMs ?? 10_000,
      autoReconnect: settings.autoReconnect ?? true,
      backoffMsMin: settings.backoffMsMin ?? 100,
      backoffMsMax: settings.backoffMsMax ?? 10_000,
      reconnectAttemptsMax: settings.reconnectAttemptsMax ?? Infinity,
    };
  }

  /** Connects. Rejects with a RealmError if that fails; once it has been made, a lost connection is made anew. */
  async connect(): Promise<void> {
    if (this.#state === 'connected') throw new RealmError('INVALID_PARAMS', 'the client is connected already');
    this.#state = 'connected';
    try {
      this.#link = await this.#open();
    } catch (error) {
      this.#state = 'new';
      throw error;
    }
    void this.#supervise(this.#link);
  }

  /** Gives up the connection and makes another. Streams are taken up again. */
  async reconnect(): Promise<void> {
    const link = this.#link;
    this.#wake?.();
    link?.close();
    while (this.#link === link && this.#state === 'connected') await this.#change();
    await this.#ready();
  }

  /** Ends all calls and the connection. */
  close(): void {
    this.#giveUp(new RealmError('CANCELLED', 'the client was closed'));
    // What was sent just now, above all that calls are not wanted, is still sent.
    this.#link?.close();
    this.#link = undefined;
    this.#wake?.();
  }

  /** Calls a function and waits for its result. A call whose connection is lost is not made again, because it may have
   * been executed: it rejects with DISCONNECTED. */
  call<N extends keyof F & string>(func: N, ...[params, options]: Arguments<F, N, CallOptions>): Promise<Result<F, N>> {
    return this.#begin(func, params, options ?? {}, false).result;
  }

  /** Calls a function and gives its items as they come, then its `result`. A function that streams nothing is called
   * by its streaming twin, if the runtime has one (`stream_generate` of `generate`, with the same parameters and result).
   * A stream whose connection is lost goes on where it stopped, or rejects. */
  stream<N extends keyof F & string>(
    func: N,
    ...[params, options]: Arguments<F, N, StreamOptions>
  ): RealmStream<Item<F, N>, Result<F, N>> {
    return new RealmStream(this.#begin(func, params, options ?? {}, true));
  }

  /** What can be called: functions and types of the runtime in force. */
  metadata(): Promise<any> {
    const asked: Promise<any> = (this.#metadata ??= this.request('system_metadata', []));
    asked.catch(() => {
      if (this.#metadata === asked) this.#metadata = undefined;
    });
    return asked;
  }

  /** Any other JSON-RPC method of the node. */
  async request(method: string, params: unknown[] = []): Promise<any> {
    return (await this.#ready()).request(method, params);
  }

  /** Follows a subscription of the node that is no call, as `chain_subscribeNewHeads`: each notification goes to `onItem`,
   * and a new connection subscribes anew. The function given back ends it, with `unsubscribe`. If the node refuses it later,
   * or there will be no other connection, `onEnd` hears why. */
  async subscribe(
    method: string,
    unsubscribe: string,
    params: unknown[],
    onItem: (item: any) => void,
    onEnd: (error: RealmError) => void = () => {},
  ): Promise<() => void> {
    const followed = new Following(method, unsubscribe, params, onItem, (error) => {
      this.#followed.delete(followed);
      onEnd(error);
    });
    do await followed.start(await this.#ready());
    while (!followed.isSubscribed);
    this.#followed.add(followed);
    return () => {
      this.#followed.delete(followed);
      followed.stop();
    };
  }

  /** Hears of an event; the function given back ends that. */
  on<E extends keyof ClientEvents>(event: E, handler: (value: ClientEvents[E]) => void): () => void {
    const handlers = this.#handlers.get(event) ?? new Set();
    this.#handlers.set(event, handlers.add(handler));
    return () => void handlers.delete(handler);
  }

  #begin(func: string, params: unknown, options: StreamOptions, streams: boolean): Call {
    const timeoutMs = options.timeoutMs ?? this.#settings.timeoutMs;
    const resumable = streams && (options.resumable ?? true) && this.#settings.autoReconnect;
    const asked = {
      // A stream whose connection is lost before the answer came is found again by its id.
      ...((options.id !== undefined || resumable) && { id: options.id ?? randomId() }),
      ...(this.#settings.tenantId !== undefined && { tenant_id: this.#settings.tenantId }),
      ...(timeoutMs !== undefined && { deadline_ms: Math.max(1, Math.round(timeoutMs)) }),
      ...(options.runtime !== undefined && { runtime: options.runtime }),
      ...(resumable && { resumable: true }),
    };
    const { signal } = options;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const abort = () => call.fail(new RealmError('CANCELLED', 'the call was aborted', { reason: signal?.reason }));
    const call = new Call(func, params ?? {}, asked, streams, (ended) => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', abort);
      this.#running.delete(ended);
      const runsOn = ended.isResumable && ended.sent && ended.error !== undefined && !this.#link?.isOpen;
      if (runsOn && this.#state === 'connected' && this.#unwanted.size < UNWANTED_MAX) this.#unwanted.add(ended);
    });
    this.#running.add(call);
    if (signal?.aborted) {
      abort();
      return call;
    }
    signal?.addEventListener('abort', abort, { once: true });
    if (timeoutMs !== undefined) {
      const late = () => call.fail(new RealmError('DEADLINE_EXCEEDED', `no answer within ${timeoutMs} ms`, { deadline_ms: timeoutMs }));
      timer = setTimeout(late, timeoutMs + DEADLINE_GRACE_MS);
    }
    void this.#start(call, streams);
    return call;
  }

  async #start(call: Call, streams: boolean): Promise<void> {
    while (!call.ended) {
      try {
        const func = streams ? await this.#streaming(call.func) : call.func;
        const link = await this.#ready();
        if (call.ended) return;
        call.link = link;
        call.sent = true;
        const params = [func, call.params, call.options];
        const subscription = await link.request('realm_subscribe', params, (event) => call.take(event));
        return call.attach(link, String(subscription));
      } catch (error) {
        // It never left, so it may be sent again.
        if (error instanceof RealmError && error.data.sent === false) {
          call.link = undefined;
          call.sent = false;
          continue;
        }
        // Taken up again with the next connection, if the node has got it.
        const lost = error instanceof RealmError && error.code === 'DISCONNECTED';
        if (lost && call.isResumable && call.sent && this.#state === 'connected') return;
        return call.fail(asRealmError(error));
      }
    }
  }

  /** The function itself, or its streaming twin. */
  async #streaming(func: string): Promise<string> {
    let functions: any[];
    try {
      functions = (await this.metadata()).functions;
    } catch (error) {
      // Asking changes nothing on the node, so it may be done again.
      if (error instanceof RealmError && error.code === 'DISCONNECTED' && this.#state === 'connected') {
        return this.#streaming(func);
      }
      throw error;
    }
    const known = functions.find(({ name }) => name === func);
    if (!known || known.stream !== null) return func;
    const same = (other: any) => other.returns === known.returns && JSON.stringify(other.params) === JSON.stringify(known.params);
    const twin = functions.find((other) => other.name === STREAMING_TWIN + func && other.stream !== null && same(other));
    return twin?.name ?? func;
  }

  async #resume(call: Call, link: Link): Promise<void> {
    call.link = link;
    try {
      const tenant = this.#settings.tenantId;
      const params = [call.id, call.nextSeq, ...(tenant === undefined ? [] : [{ tenant_id: tenant }])];
      call.attach(link, String(await link.request('realm_resume', params, (event) => call.take(event))));
    } catch (error) {
      const { code, message, data } = asRealmError(error);
      // If this connection is lost too, the next one is another chance.
      if (code === 'DISCONNECTED') return;
      const why = `the connection was lost, and the node cannot go on with the stream: ${message}`;
      call.fail(new RealmError('DISCONNECTED', why, { ...data, cause: code }));
    }
  }

  async #open(): Promise<Link> {
    const { wsUrl, apiKey, tenantId, connectTimeoutMs } = this.#settings;
    const link = await Link.open(this.#transport, wsUrl, apiKey, connectTimeoutMs);
    try {
      if (apiKey !== undefined && !this.#transport.sendsKey) {
        await link.request('realm_authenticate', tenantId === undefined ? [apiKey] : [apiKey, tenantId]);
      }
      await link.request('state_subscribeRuntimeVersion', [], (version) => this.#seeRuntime(version));
    } catch (error) {
      link.close();
      throw error;
    }
    return link;
  }

  async #supervise(first: Link): Promise<void> {
    let link = first;
    while (this.#state === 'connected') {
      await link.ended;
      if (this.#state !== 'connected') return;
      this.#link = undefined;
      this.#metadata = undefined;
      this.#lost(link);
      this.#notify();
      this.#emit('disconnect', undefined);
      if (!this.#settings.autoReconnect) return this.#giveUp(new RealmError('DISCONNECTED', 'the connection was lost'));
      const next = await this.#again();
      if (!next) return;
      link = this.#link = next;
      for (const call of this.#running) if (call.isResumable && call.sent) void this.#resume(call, link);
      for (const call of this.#unwanted) void this.#resume(call, link);
      this.#unwanted.clear();
      for (const followed of this.#followed) followed.start(link).catch((error) => followed.end(asRealmError(error)));
      this.#notify();
      this.#emit('reconnect', undefined);
    }
  }

  /** Another connection, after as many attempts as that takes. */
  async #again(): Promise<Link | undefined> {
    const { backoffMsMin, backoffMsMax, reconnectAttemptsMax } = this.#settings;
    for (let failures = 0; this.#state === 'connected'; ) {
      // Jitter, so that the clients of a node that was restarted do not come all at once.
      await this.#sleep(Math.min(backoffMsMin * 2 ** failures, backoffMsMax) * (0.5 + Math.random() / 2));
      if (this.#state !== 'connected') break;
      try {
        const link = await this.#open();
        if ((this.#state as string) === 'connected') return link;
        link.close();
      } catch (error) {
        failures += 1;
        const known = asRealmError(error);
        if (NO_USE.has(known.code) || failures >= reconnectAttemptsMax) this.#giveUp(known);
      }
    }
    return undefined;
  }

  #lost(link: Link): void {
    for (const call of [...this.#running]) {
      if (call.link !== link) continue;
      call.link = call.subscription = undefined;
      if (!call.isResumable) {
        call.fail(new RealmError('DISCONNECTED', 'the connection was lost while the call ran'));
      }
    }
  }

  async #ready(): Promise<Link> {
    for (;;) {
      if (this.#state !== 'connected') throw new RealmError(this.#over.code, this.#over.message, this.#over.data);
      if (this.#link?.isOpen) return this.#link;
      await this.#change();
    }
  }

  #giveUp(error: RealmError): void {
    const known = this.#state === 'over';
    this.#over = error;
    this.#state = 'over';
    for (const call of [...this.#running]) call.fail(new RealmError(error.code, error.message, error.data));
    for (const followed of [...this.#followed]) followed.end(error);
    this.#notify();
    if (!known) this.#emit('close', error);
  }

  #seeRuntime(version: any): void {
    const before = this.#runtime;
    this.#runtime = version;
    if (before && (before.specName !== version.specName || before.specVersion !== version.specVersion)) {
      this.#metadata = undefined;
      this.#emit('runtimeChanged', version);
    }
  }

  #emit(event: keyof ClientEvents, value: any): void {
    for (const handler of this.#handlers.get(event) ?? []) {
      try {
        handler(value);
      } catch (error) {
        // Not ours, and no reason to stop: reported as any error that nobody caught.
        queueMicrotask(() => {
          throw error;
        });
      }
    }
  }

  #change(): Promise<void> {
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  #notify(): void {
    for (const tell of this.#waiting.splice(0)) tell();
  }

  #sleep(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}

/** 128 random bits. Not `randomUUID`, which browsers keep from pages that came without TLS. */
function randomId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
