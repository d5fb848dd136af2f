// The client: what programs see of a connection and of the calls on it.

import { Calls } from './calls.js';
import { Connection } from './connection.js';
import { Emitter } from './emitter.js';
import { asRealmError, RealmError } from './errors.js';
import { Following } from './following.js';
import type { Arguments, Encoding, Item, KnownFunctions, Params, Result } from './functions.js';
import { Known, type LoadScale } from './known.js';
import type { Link } from './link.js';
import type { Runtime } from './runtime/runtime.js';
import { type CallOptions, type ClientEvents, type ClientSettings, type StreamOptions, withDefaults } from './settings.js';
import type { Transport } from './socket.js';
import { RealmStream } from './stream.js';

/** Options that say how the call's values are written. */
type In<O, E extends Encoding> = O & { encoding: E };
/** Options that leave that to the client. */
type AsClient<O> = O & { encoding?: undefined };

export class BaseClient<F = KnownFunctions, E extends Encoding = 'json'> {
  #connection: Connection;
  #known: Known;
  #calls: Calls;
  #followed = new Set<Following>();
  #events = new Emitter<ClientEvents>();
  #version: { specName: string; specVersion: number } | undefined;

  constructor(transport: Transport, settings: ClientSettings<E> = {}, loadScale?: LoadScale) {
    const all = withDefaults(settings);
    this.#connection = new Connection(transport, all, {
      lost: (link) => this.#lost(link),
      renewed: (link) => this.#renewed(link),
      over: (error) => this.#over(error),
      runtime: (version) => this.#seeRuntime(version),
    });
    this.#known = new Known((method, params) => this.request(method, params), all, loadScale);
    this.#calls = new Calls(this.#connection, this.#known, all);
  }

  /** Connects. Rejects with a RealmError if that fails; from then on, a lost connection is replaced. */
  connect(): Promise<void> {
    return this.#connection.connect();
  }

  /** Replaces the connection; streams go on over the new one. Also opens one where the client has none: before `connect()`,
   * and after the connection was given up, but not after `close()`. Rejects with a RealmError if there will be none; nobody
   * has to look at that, so `client.on('disconnect', () => client.reconnect())` is safe in every state. */
  reconnect(): Promise<void> {
    return this.#connection.reconnect();
  }

  /** Ends all calls and the connection. */
  close(): void {
    this.#connection.close();
  }

  /** Calls a function and waits for its result. A call whose connection is lost is not made again, because it may have
   * been executed: it rejects with DISCONNECTED. */
  call<N extends keyof F & string>(func: N, ...args: Arguments<F, N, E, AsClient<CallOptions>>): Promise<Result<F, N, E>>;
  call<N extends keyof F & string, X extends Encoding>(
    func: N,
    params: Params<F, N, X>,
    options: In<CallOptions, X>,
  ): Promise<Result<F, N, X>>;
  call(func: string, params?: unknown, options: CallOptions = {}): Promise<any> {
    return this.#calls.begin(func, params, options, false).result;
  }

  /** Calls a function and gives its items as they come, then its `result`. A function that streams nothing is called
   * by its streaming twin, if the runtime has one (`stream_generate` of `generate`, with the same parameters and result).
   * A stream whose connection is lost goes on where it stopped, or rejects. */
  stream<N extends keyof F & string>(
    func: N,
    ...args: Arguments<F, N, E, AsClient<StreamOptions>>
  ): RealmStream<Item<F, N, E>, Result<F, N, E>>;
  stream<N extends keyof F & string, X extends Encoding>(
    func: N,
    params: Params<F, N, X>,
    options: In<StreamOptions, X>,
  ): RealmStream<Item<F, N, X>, Result<F, N, X>>;
  stream(func: string, params?: unknown, options: StreamOptions = {}): RealmStream<any, any> {
    return new RealmStream(this.#calls.begin(func, params, options, true));
  }

  /** What can be called, as the node tells it in JSON: functions and types of the runtime in force. */
  metadata(): Promise<any> {
    return this.#known.document();
  }

  /** The runtime in force by its own SCALE metadata: its functions, its types, and codecs for both. Read once, and anew when
   * there is another runtime; what it gave before stays as it was. */
  runtime(): Promise<Runtime> {
    return this.#known.runtime();
  }

  /** Any other JSON-RPC method of the node. */
  async request(method: string, params: unknown[] = []): Promise<any> {
    return (await this.#connection.ready()).request(method, params);
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
    do await followed.start(await this.#connection.ready());
    while (!followed.isSubscribed);
    this.#followed.add(followed);
    return () => {
      this.#followed.delete(followed);
      followed.stop();
    };
  }

  /** Hears of an event; the function given back ends that. */
  on<V extends keyof ClientEvents>(event: V, handler: (value: ClientEvents[V]) => unknown): () => void {
    return this.#events.on(event, handler);
  }

  #lost(link: Link): void {
    this.#known.forget();
    this.#calls.lost(link);
    this.#events.emit('disconnect', undefined);
  }

  #renewed(link: Link): void {
    this.#calls.renewed(link);
    for (const followed of this.#followed) followed.start(link).catch((error) => followed.end(asRealmError(error)));
    this.#events.emit('reconnect', undefined);
  }

  #over(error: RealmError): void {
    this.#calls.over(error);
    for (const followed of [...this.#followed]) followed.end(error);
    this.#events.emit('close', error);
  }

  #seeRuntime(version: any): void {
    const before = this.#version;
    this.#version = version;
    if (before && (before.specName !== version.specName || before.specVersion !== version.specVersion)) {
      this.#known.forget();
      this.#events.emit('runtimeChanged', version);
    }
  }
}
