// One call: its events in order, its end, and where it stands when its connection is lost.

import { asRealmError, RealmError } from './errors.js';
import { AS_IT_IS, type Reader } from './form.js';
import type { Link } from './link.js';

/** Events that may wait for a reader before the call is ended with SLOW_CONSUMER. */
const UNREAD_MAX = 100_000;

/** What the client knows of a call that runs. Not part of the package's interface. */
export class Call {
  readonly items: any[] = [];
  nextSeq = 0;
  link: Link | undefined;
  subscription: string | undefined;
  /** Reads what comes of it. */
  reader: Reader = AS_IT_IS;
  /** Whether the node may know of it. */
  sent = false;
  ended = false;
  #news: (() => void)[] = [];
  #resolve!: (result: any) => void;
  #reject!: (error: RealmError) => void;
  error: RealmError | undefined;
  readonly result = new Promise<any>((resolve, reject) => {
    this.#resolve = resolve;
    this.#reject = reject;
  });

  constructor(
    /** What the node is told beside function and parameters. */
    readonly options: Record<string, unknown>,
    private readonly keepsItems: boolean,
    private readonly onEnd: (call: Call) => void,
  ) {
    // Who only reads the items need not wait for the result.
    this.result.catch(() => {});
  }

  get id(): string | undefined {
    return this.options.id as string | undefined;
  }

  get isResumable(): boolean {
    return this.options.resumable === true;
  }

  attach(link: Link, subscription: string): void {
    if (this.ended) {
      // Ended from this side while the node was asked; what runs there must end, too. After its own end this is no harm.
      if (this.error) link.unsubscribe(subscription);
      else link.forget(subscription);
      return;
    }
    this.link = link;
    this.subscription = subscription;
  }

  /** The next event. One that came before is left out, one that is missing is an error: a reader gets every item once
   * and in order, or the stream ends. */
  take(event: any): void {
    if (this.ended) return;
    if (typeof event?.seq !== 'number') return this.fail(new RealmError('PROTOCOL', `no event: ${JSON.stringify(event)}`));
    if (event.seq < this.nextSeq) return;
    if (event.seq > this.nextSeq) {
      // Said by the node of a reader that is too slow for it, not an event of the call.
      if (event.type === 'error') return this.fail(RealmError.ofEvent(event.error));
      return this.fail(new RealmError('PROTOCOL', `event ${this.nextSeq} is missing; ${event.seq} came`));
    }
    this.nextSeq += 1;
    if (event.type === 'stream') {
      if (!this.keepsItems) return;
      if (this.items.length >= UNREAD_MAX) {
        return this.fail(new RealmError('SLOW_CONSUMER', `${UNREAD_MAX} events were not read`, { events_max: UNREAD_MAX }));
      }
      try {
        this.items.push(withText(this.reader.item(event.data)));
      } catch (error) {
        return this.fail(asRealmError(error));
      }
      this.#tell();
    } else if (event.type === 'result') {
      try {
        const result = this.reader.result(event.data);
        this.#finish();
        this.#resolve(result);
      } catch (error) {
        this.#endWith(asRealmError(error));
      }
    } else if (event.type === 'error') {
      this.#endWith(RealmError.ofEvent(event.error));
    } else {
      this.fail(new RealmError('PROTOCOL', `an event of an unknown type: ${JSON.stringify(event)}`));
    }
  }

  /** Ends it from this side, and on the node if it runs there. */
  fail(error: RealmError): void {
    if (this.ended) return;
    this.error = error;
    const { link, subscription } = this;
    this.link = undefined;
    if (link && subscription !== undefined) link.unsubscribe(subscription);
    this.#finish();
    this.#reject(error);
  }

  /** Resolves at the next item or at the end. */
  news(): Promise<void> {
    return new Promise((resolve) => this.#news.push(resolve));
  }

  /** Ended on the node with this. */
  #endWith(error: RealmError): void {
    this.error = error;
    this.#finish();
    this.#reject(error);
  }

  #finish(): void {
    this.ended = true;
    if (this.link && this.subscription !== undefined) this.link.forget(this.subscription);
    this.link = undefined;
    this.#tell();
    this.onEnd(this);
  }

  #tell(): void {
    for (const tell of this.#news.splice(0)) tell();
  }
}

/** Items that carry a `token` give it as `text`, too. */
function withText(item: any): any {
  if (item !== null && typeof item === 'object' && typeof item.token === 'string' && !('text' in item)) {
    Object.defineProperty(item, 'text', { value: item.token, enumerable: false });
  }
  return item;
}

/** The items of a call as they come, and its result. It starts when it is made; leaving the loop early ends the call on
 * the node. */
export class RealmStream<Item, Result> implements AsyncIterable<Item> {
  #call: Call;

  constructor(call: Call) {
    this.#call = call;
  }

  /** What the function returned, once it has. Rejects with a RealmError if the call failed. */
  get result(): Promise<Result> {
    return this.#call.result;
  }

  /** The request's id, by which `realm_resume` knows it; undefined if it is not resumable and was given none. */
  get id(): string | undefined {
    return this.#call.id;
  }

  /** Ends the call, on the node too. One that is over stays as it is. */
  cancel(): void {
    this.#call.fail(new RealmError('CANCELLED', 'the call was cancelled by its caller'));
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Item, void, undefined> {
    const call = this.#call;
    try {
      for (;;) {
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
}
