// The way to the node: one link at a time, made anew when it is lost, until there is no use in that.
//
//   new ── connect ──► connected ── close, or no use in trying ──► over
//                      │      ▲
//                 link lost   └── another link, after growing waits

import { asRealmError, RealmError } from './errors.js';
import { Link } from './link.js';
import type { Settings } from './settings.js';
import type { Transport } from './socket.js';

/** What becomes of the connection, told to whoever has something on it. */
export interface ConnectionListener {
  /** The link is lost; there is none now. */
  lost(link: Link): void;
  /** There is another link, which nothing was sent on yet. */
  renewed(link: Link): void;
  /** There will be no other link. */
  over(error: RealmError): void;
  /** The version of the runtime in force, at first and whenever it changes. */
  runtime(version: any): void;
}

/** Errors of connecting that another attempt would meet again. */
const NO_USE = new Set(['UNAUTHENTICATED', 'FORBIDDEN', 'INVALID_PARAMS']);

export class Connection {
  #link: Link | undefined;
  #state: 'new' | 'connected' | 'over' = 'new';
  #over = new RealmError('DISCONNECTED', 'the client is not connected; call connect()');
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
    this.#state = 'connected';
    try {
      this.#link = await this.#open();
    } catch (error) {
      this.#state = 'new';
      throw error;
    }
    void this.#supervise(this.#link);
  }

  async reconnect(): Promise<void> {
    const link = this.#link;
    this.#wake?.();
    link?.close();
    while (this.#link === link && this.#state === 'connected') await this.#change();
    await this.ready();
  }

  close(): void {
    this.#giveUp(new RealmError('CANCELLED', 'the client was closed'));
    // What was sent just now, above all that calls are not wanted, is still sent.
    this.#link?.close();
    this.#link = undefined;
    this.#wake?.();
  }

  /** An open link, as soon as there is one. */
  async ready(): Promise<Link> {
    for (;;) {
      if (this.#state !== 'connected') throw new RealmError(this.#over.code, this.#over.message, this.#over.data);
      if (this.#link?.isOpen) return this.#link;
      await this.#change();
    }
  }

  async #open(): Promise<Link> {
    const { wsUrl, apiKey, tenantId, connectTimeoutMs } = this.settings;
    const link = await Link.open(this.transport, wsUrl, apiKey, connectTimeoutMs);
    try {
      if (apiKey !== undefined && !this.transport.sendsKey) {
        await link.request('realm_authenticate', tenantId === undefined ? [apiKey] : [apiKey, tenantId]);
      }
      await link.request('state_subscribeRuntimeVersion', [], (version) => this.listener.runtime(version));
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
      this.listener.lost(link);
      this.#notify();
      if (!this.settings.autoReconnect) return this.#giveUp(new RealmError('DISCONNECTED', 'the connection was lost'));
      const next = await this.#again();
      if (!next) return;
      link = this.#link = next;
      this.listener.renewed(link);
      this.#notify();
    }
  }

  /** Another link, after as many attempts as that takes. */
  async #again(): Promise<Link | undefined> {
    const { backoffMsMin, backoffMsMax, reconnectAttemptsMax } = this.settings;
    for (let failures = 0; this.#state === 'connected';) {
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

  #giveUp(error: RealmError): void {
    const known = this.#state === 'over';
    this.#over = error;
    this.#state = 'over';
    this.#notify();
    if (!known) this.listener.over(error);
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
