// Handlers of events, and telling them.

export class Emitter<Events> {
  #handlers = new Map<keyof Events, Set<(value: any) => void>>();

  /** Hears of an event; the function given back ends that. */
  on<E extends keyof Events>(event: E, handler: (value: Events[E]) => void): () => void {
    const handlers = this.#handlers.get(event) ?? new Set();
    this.#handlers.set(event, handlers.add(handler));
    return () => void handlers.delete(handler);
  }

  emit<E extends keyof Events>(event: E, value: Events[E]): void {
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
}
