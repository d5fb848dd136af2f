// A subscription that is no call: it has no end of its own, and each connection subscribes to it anew.

import { RealmError } from './errors.js';
import type { Link, Route } from './link.js';

export class Following {
  #link: Link | undefined;
  #subscription: string | undefined;
  #over = false;

  constructor(
    private readonly method: string,
    private readonly unsubscribe: string,
    private readonly params: unknown[],
    private readonly onItem: Route,
    private readonly onEnd: (error: RealmError) => void,
  ) {}

  /** Whether the node knows of it, on a connection that holds. */
  get isSubscribed(): boolean {
    return this.#link?.isOpen === true;
  }

  /** Subscribes on this connection. If it is lost meanwhile, the next one is another chance; rejects if the node refuses. */
  async start(link: Link): Promise<void> {
    try {
      const route: Route = (item) => this.#over || this.onItem(item);
      const subscription = String(await link.request(this.method, this.params, route));
      if (this.#over) return link.unsubscribe(subscription, this.unsubscribe);
      [this.#link, this.#subscription] = [link, subscription];
    } catch (error) {
      if (!(error instanceof RealmError && error.code === 'DISCONNECTED')) throw error;
    }
  }

  /** Ends it from this side. */
  stop(): void {
    this.#over = true;
    if (this.#link?.isOpen && this.#subscription !== undefined) this.#link.unsubscribe(this.#subscription, this.unsubscribe);
  }

  /** There will be nothing more. */
  end(error: RealmError): void {
    if (this.#over) return;
    this.#over = true;
    this.onEnd(error);
  }
}
