/** Called with what was emitted. */
export type Listener<Payload> = (payload: Payload) => void;

/** A small typed event emitter: `on` returns the function that takes the listener off again. */
export class Emitter<Events extends object> {
  readonly #listeners = new Map<keyof Events, Set<Listener<never>>>();

  /** Calls `listener` at every `type`; the same listener is kept once. */
  on<Type extends keyof Events>(type: Type, listener: Listener<Events[Type]>): () => void {
    let listeners = this.#listeners.get(type);
    if (listeners === undefined) {
      listeners = new Set();
      this.#listeners.set(type, listeners);
    }
    listeners.add(listener);
    return () => this.off(type, listener);
  }

  /** Calls `listener` at the next `type` only. */
  once<Type extends keyof Events>(type: Type, listener: Listener<Events[Type]>): () => void {
    const off = this.on(type, (payload) => {
      off();
      listener(payload);
    });
    return off;
  }

  /** Takes a listener off; one that isn't there is no error. */
  off<Type extends keyof Events>(type: Type, listener: Listener<Events[Type]>): void {
    this.#listeners.get(type)?.delete(listener);
  }

  /** @returns whether anybody listened. A listener that throws stops neither the others nor the emitter. */
  protected emit<Type extends keyof Events>(type: Type, payload: Events[Type]): boolean {
    const listeners = this.#listeners.get(type);
    if (listeners === undefined || listeners.size === 0) return false;
    for (const listener of [...listeners] as Listener<Events[Type]>[]) {
      try {
        listener(payload);
      } catch (error) {
        // The application's own fault: let it surface as an uncaught error, after everyone was told.
        queueMicrotask(() => {
          throw error;
        });
      }
    }
    return true;
  }
}
