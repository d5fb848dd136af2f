// Handlers of events, and telling them.

import { RealmError } from './errors.js';

export class Emitter<Events> {
  #handlers = new Map<keyof Events, Set<(value: any) => unknown>>();

  /** Hears of an event; the function given back ends that. */
  on<E extends keyof Events>(event: E, handler: (value: Events[E]) => unknown): () => void {
    const handlers = this.#handlers.get(event) ?? new Set();
    this.#handlers.set(event, handlers.add(handler));
    return () => void handlers.delete(handler);
  }

  emit<E extends keyof Events>(event: E, value: Events[E]): void {
    for (const handler of this.#handlers.get(event) ?? []) {
      try {
        const returned: unknown = handler(value);
        // An `async` handler that awaits `reconnect()` or a call rejects with a RealmError when the connection is over;
        // the event `close` reports that.
        if (returned instanceof Promise) returned.catch((error) => error instanceof RealmError || report(error));
      } catch (error) {
        report(error);
      }
    }
  }
}

/** An error of a handler, no reason for the client to stop: reported like any error that nobody caught. */
function report(error: unknown): void {
  queueMicrotask(() => {
    throw error;
  });
}
