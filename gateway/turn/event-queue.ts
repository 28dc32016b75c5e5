/** A queue between the parts of a reply that work side by side and the one who reads it; bounded by what they may make. */
export interface EventQueue<Event> {
  push(event: Event): void;
  /** The next event, at once where one waits. One reader at a time. */
  take(): Event | Promise<Event>;
}

export function createEventQueue<Event>(): EventQueue<Event> {
  let waiting: Event[] = [];
  let next = 0;
  let reader: ((event: Event) => void) | null = null;
  return {
    push(event) {
      if (reader === null) {
        waiting.push(event);
        return;
      }
      const resolve = reader;
      reader = null;
      resolve(event);
    },
    take() {
      const event = waiting[next];
      if (event !== undefined) {
        next += 1;
        if (next === waiting.length) {
          waiting = [];
          next = 0;
        }
        return event;
      }
      return new Promise<Event>((resolve) => {
        reader = resolve;
      });
    },
  };
}
