// The calls of a client: sent when there is a connection, taken up again when it was lost, ended when nobody wants them.

import type { Connection } from './connection.js';
import { asRealmError, RealmError } from './errors.js';
import { type Form, inJson, inScale, type Wanted } from './form.js';
import type { Encoding } from './functions.js';
import type { Known } from './known.js';
import type { Link } from './link.js';
import type { Settings, StreamOptions } from './settings.js';
import { Call } from './stream.js';

/** Time that the node gets to say itself that a call's time is over. */
const DEADLINE_GRACE_MS = 5_000;
/** The node's own method, which calls like a function of the runtime and is not in the runtime's SCALE metadata. */
const METADATA = 'system_metadata';
/** Streams that are remembered for that; others end on the node after the time that it keeps them. */
const UNWANTED_MAX = 1000;

export class Calls {
  #running = new Set<Call>();
  /** Streams that were ended while there was no connection to tell the node by. */
  #unwanted = new Set<Call>();

  constructor(
    private readonly connection: Connection,
    private readonly known: Known,
    private readonly settings: Settings,
  ) {}

  begin(func: string, params: unknown, options: StreamOptions, streams: boolean): Call {
    const timeoutMs = options.timeoutMs ?? this.settings.timeoutMs;
    const resumable = streams && (options.resumable ?? true) && this.settings.autoReconnect;
    const asked = {
      // A stream whose connection is lost before the answer came is found again by its id.
      ...((options.id !== undefined || resumable) && { id: options.id ?? randomId() }),
      ...(this.settings.tenantId !== undefined && { tenant_id: this.settings.tenantId }),
      ...(timeoutMs !== undefined && { deadline_ms: Math.max(1, Math.round(timeoutMs)) }),
      ...(resumable && { resumable: true }),
    };
    const { signal } = options;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const abort = () => call.fail(new RealmError('CANCELLED', 'the call was aborted', { reason: signal?.reason }));
    const call = new Call(asked, streams, (ended) => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', abort);
      this.#running.delete(ended);
      const runsOn = ended.isResumable && ended.sent && ended.error !== undefined && !this.connection.isOpen;
      if (runsOn && this.connection.isConnected && this.#unwanted.size < UNWANTED_MAX) this.#unwanted.add(ended);
    });
    this.#running.add(call);
    if (signal?.aborted) {
      abort();
      return call;
    }
    signal?.addEventListener('abort', abort, { once: true });
    if (timeoutMs !== undefined) {
      const late = () =>
        call.fail(new RealmError('DEADLINE_EXCEEDED', `no answer within ${timeoutMs} ms`, { deadline_ms: timeoutMs }));
      timer = setTimeout(late, timeoutMs + DEADLINE_GRACE_MS);
    }
    const wanted = { func, params: params ?? {}, pin: options.runtime, streams };
    void this.#start(call, wanted, func === METADATA ? 'json' : (options.encoding ?? this.settings.encoding));
    return call;
  }

  /** The connection is lost. Those that can are taken up again with the next one. */
  lost(link: Link): void {
    for (const call of [...this.#running]) {
      if (call.link !== link) continue;
      call.link = call.subscription = undefined;
      if (!call.isResumable) {
        call.fail(new RealmError('DISCONNECTED', 'the connection was lost while the call ran'));
      }
    }
  }

  /** There is another connection. */
  renewed(link: Link): void {
    for (const call of this.#running) if (call.isResumable && call.sent) void this.#resume(call, link);
    for (const call of this.#unwanted) void this.#resume(call, link);
    this.#unwanted.clear();
  }

  /** There will be no other connection. */
  over(error: RealmError): void {
    for (const call of [...this.#running]) call.fail(new RealmError(error.code, error.message, error.data));
  }

  async #start(call: Call, wanted: Wanted, encoding: Encoding): Promise<void> {
    let doubted = false;
    while (!call.ended) {
      let form: Form | undefined;
      try {
        form = await this.#form(wanted, encoding, !doubted);
        const link = await this.connection.ready();
        if (call.ended) return;
        call.link = link;
        call.sent = true;
        call.reader = form.reader;
        const options = { ...call.options, ...(form.pin !== undefined && { runtime: form.pin }) };
        const subscription = await link.request('realm_subscribe', [form.func, form.params, options], (event) =>
          call.take(event),
        );
        return call.attach(link, String(subscription));
      } catch (error) {
        const known = asRealmError(error);
        // It never left, so it may be sent again.
        if (known.data.sent === false) {
          call.link = undefined;
          call.sent = false;
          continue;
        }
        // It was refused and not executed, so it may be written anew by the types that hold now; once, for a node whose
        // metadata is never that of its runtime would be asked without end.
        if (known.code === 'RUNTIME_CHANGED' && form?.runtime !== undefined && wanted.pin === undefined && !doubted) {
          call.link = undefined;
          call.sent = false;
          doubted = true;
          this.known.doubt(form.runtime);
          continue;
        }
        // Taken up again with the next connection, if the node has got it.
        if (known.code === 'DISCONNECTED' && call.isResumable && call.sent && this.connection.isConnected) return;
        return call.fail(known);
      }
    }
  }

  /** The call as it is to be sent. What SCALE's types refuse is looked at once more by metadata read anew, if `mayDoubt`:
   * the runtime may have been replaced, and the news be still on its way. */
  async #form(wanted: Wanted, encoding: Encoding, mayDoubt: boolean): Promise<Form> {
    if (encoding === 'json') return this.#asked(() => inJson(this.known, wanted));
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
  async #asked<T>(ask: () => Promise<T>): Promise<T> {
    for (;;) {
      try {
        return await ask();
      } catch (error) {
        const lost = error instanceof RealmError && error.code === 'DISCONNECTED';
        if (!lost || !this.connection.isConnected) throw error;
      }
    }
  }

  async #resume(call: Call, link: Link): Promise<void> {
    call.link = link;
    try {
      const tenant = this.settings.tenantId;
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
}

/** 128 random bits. Not `randomUUID`, which browsers keep from pages that came without TLS. */
function randomId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
