// The connection to the node: one link at a time, replaced when it is lost, until another attempt cannot succeed.
//
//   new ── connect ──► connected ── close, or given up ──► over ── connect, or reconnect ──► connected
//                      │      ▲
//                 link lost   └── another link, after growing waits

import { asRealmError, RealmError } from './errors.js';
import { Link } from './link.js';
import type { Settings } from './settings.js';
import type { Transport } from './socket.js';

/** Is told what happens to the connection. */
export interface ConnectionListener {
  /** The link is lost; there is none now. */
  lost(link: Link): void;
  /** There is another link, which nothing was sent on yet. */
  renewed(link: Link): void;
  /** The connection was closed or given up. Only `connect` and `reconnect` open another. */
  over(error: RealmError): void;
  /** The version of the runtime in force, at first and whenever it changes. */
  runtime(version: any): void;
}

/** Errors of connecting that another attempt would get again. */
const NO_USE = new Set(['UNAUTHENTICATED', 'FORBIDDEN', 'INVALID_PARAMS']);

export class Connection {
  #link: Link | undefined;
  #state: 'new' | 'connected' | 'over' = 'new';
  /** Counts what ends the current series of links, so that a supervisor of an earlier series stops. */
  #series = 0;
  #closed = false;
  #over = new RealmError('DISCONNECTED', 'the client is not connected; call connect()');
  /** Whether `reconnect` was called since the link was lost: then another is made also without `autoReconnect`. */
  #anotherWanted = false;
  #waiting: (() => void)[] = [];
  #wake: (() => void) | undefined;

  constructor(
    private readonly transport: Transport,
    private readonly settings: Settings,
    private readonly listener: ConnectionListener,
  ) {}

  /** Whether there is a link, or another attempt at one. */
  get isConnected(): boolean {
    return this.#state === 'connected';
  }

  /** Whether something can be sent now. */
  get isOpen(): boolean {
    return this.#link?.isOpen === true;
  }

  async connect(): Promise<void> {
    if (this.#state === 'connected') throw new RealmError('INVALID_PARAMS', 'the client is connected already');
    await this.#begin();
  }

  /** Replaces the link, in any state. The promise never counts as unhandled, because handlers of `disconnect` drop it. */
  reconnect(): Promise<void> {
    const made = this.#reconnect();
    made.catch(() => {});
    return made;
  }

  close(): void {
    this.#closed = true;
    this.#giveUp(new RealmError('CANCELLED', 'the client was closed'));
    // What was sent just now, above all that calls are not wanted, is still sent.
    this.#link?.close();
    this.#link = undefined;
    this.#wake?.();
  }

  /** An open link, as soon as there is one. */
  async ready(): Promise<Link> {
    for (;;) {
      if (this.#state !== 'connected') throw this.#whyOver();
      if (this.#link?.isOpen) return this.#link;
      await this.#change();
    }
  }

  async #reconnect(): Promise<void> {
    if (this.#state !== 'connected') {
      if (this.#closed) throw this.#whyOver();
      const isFirst = this.#state === 'new';
      const made = await this.#begin();
      if (!isFirst) this.listener.renewed(made);
      return;
    }
    const link = this.#link;
    this.#anotherWanted = true;
    this.#wake?.();
    link?.drop('the client reconnects');
    while (this.#link === link && link !== undefined && this.#state === 'connected') await this.#change();
    await this.ready();
  }

  /** The first link of a series. One attempt: its error is the caller's. */
  async #begin(): Promise<Link> {
    const before = this.#state;
    const series = ++this.#series;
    this.#state = 'connected';
    this.#closed = this.#anotherWanted = false;
    let link: Link;
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

  async #open(): Promise<Link> {
    const { wsUrl, apiKey, tenantId, connectTimeoutMs, silenceMs } = this.settings;
    const link = await Link.open(this.transport, wsUrl, { apiKey, tenantId }, { connectTimeoutMs, silenceMs });
    // A connection may go silent right after the handshake.
    const late = setTimeout(() => link.drop(`no answer within ${connectTimeoutMs} ms`), connectTimeoutMs);
    try {
      if (apiKey !== undefined && !this.transport.sendsKey) {
        await link.request('realm_authenticate', tenantId === undefined ? [apiKey] : [apiKey, tenantId]);
      }
      await link.request('state_subscribeRuntimeVersion', [], (version) => this.listener.runtime(version));
    } catch (error) {
      link.close();
      throw error;
    } finally {
      clearTimeout(late);
    }
    return link;
  }

  async #supervise(first: Link, series: number): Promise<void> {
    for (let link = first; ; ) {
      await link.ended;
      if (series !== this.#series) return;
      this.#link = undefined;
      this.#anotherWanted ||= this.settings.autoReconnect;
      this.listener.lost(link);
      this.#notify();
      // A handler may have closed the client, or asked for another link.
      if (series !== this.#series) return;
      if (!this.#anotherWanted) return this.#giveUp(new RealmError('DISCONNECTED', 'the connection was lost'));
      const next = await this.#again(series);
      if (!next) return;
      this.#anotherWanted = false;
      link = this.#link = next;
      this.listener.renewed(link);
      this.#notify();
    }
  }

  /** Another link, after as many attempts as that takes. */
  async #again(series: number): Promise<Link | undefined> {
    const { backoffMsMin, backoffMsMax, reconnectAttemptsMax } = this.settings;
    for (let failures = 0; series === this.#series; ) {
      // Jitter, so that the clients of a node that was restarted do not come all at once.
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
    return undefined;
  }

  #giveUp(error: RealmError): void {
    const known = this.#state === 'over';
    this.#series += 1;
    this.#over = error;
    this.#state = 'over';
    this.#notify();
    if (!known) this.listener.over(error);
  }

  #whyOver(): RealmError {
    return new RealmError(this.#over.code, this.#over.message, this.#over.data);
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
