import { onScopeDispose, shallowRef } from 'vue';

/** What the service has told. */
export type News =
  /** These payments have new entries in their record; `all`: more than could be named. */
  | { kind: 'payments'; ids: readonly number[]; all: boolean }
  /** Counts may have changed. */
  | { kind: 'health' }
  /** Some news was missed, or is not told at the moment: whatever is shown is to be asked for again. */
  | { kind: 'again' };

export type LiveState =
  | { kind: 'connecting' }
  | { kind: 'live' }
  /** Nothing is told; `since`: RFC 3339. */
  | { kind: 'cut'; since: string };

type Listener = (news: News) => void;

/** What is needed of an `EventSource`. */
export type Source = Pick<EventSource, 'addEventListener' | 'close' | 'readyState'>;

const CLOSED = 2;
const RETRY_MS = [3_000, 6_000, 12_000, 30_000];
/** Without news the views are asked for again this often. */
const POLL_MS = 10_000;

/** One stream of news for the whole console, which tries again for ever while it is wanted. */
export class Live {
  readonly state = shallowRef<LiveState>({ kind: 'connecting' });
  readonly #listeners = new Set<Listener>();
  readonly #open: () => Source;
  /** The service has ended the session, or may have. */
  readonly #doubted: () => void;
  #source: Source | undefined;
  #failures = 0;
  #greeted = false;
  #retry: ReturnType<typeof setTimeout> | undefined;
  #poll: ReturnType<typeof setInterval> | undefined;

  constructor(open: () => Source, doubted: () => void) {
    this.#open = open;
    this.#doubted = doubted;
  }

  /** Hears the news until the scope of the caller ends. */
  follow(listener: Listener): void {
    this.#listeners.add(listener);
    onScopeDispose(() => this.#listeners.delete(listener));
  }

  start(): void {
    this.stop();
    this.state.value = { kind: 'connecting' };
    this.#connect();
  }

  stop(): void {
    clearTimeout(this.#retry);
    this.#pause();
    this.#source?.close();
    this.#source = undefined;
    this.#failures = 0;
    this.#greeted = false;
  }

  /**
   * Listens no more while nobody looks. A browser has six connections to a service over HTTP/1.1, for all of its
   * tabs and the pages that it keeps for the way back: streams that nobody sees would leave none for questions.
   */
  rest(): void {
    clearTimeout(this.#retry);
    this.#pause();
    this.#source?.close();
    this.#source = undefined;
  }

  /** Listens again, and has everything asked for anew that was missed. */
  wake(): void {
    this.rest();
    this.#greeted = true;
    this.#connect();
  }

  #connect(): void {
    const source = this.#open();
    this.#source = source;
    const on = (name: string, heard: (data: Record<string, unknown>) => void) => {
      source.addEventListener(name, (event) => {
        if (this.#source === source) heard(dataOf(event));
      });
    };
    on('hello', () => {
      this.#hello();
    });
    on('payments', ({ ids, more }) => {
      this.#tell({ kind: 'payments', ids: Array.isArray(ids) ? ids : [], all: more === true });
    });
    on('health', () => {
      this.#tell({ kind: 'health' });
    });
    on('end', ({ reason }) => {
      if (reason === 'session') this.#ended();
    });
    on('error', () => {
      this.#cut(source);
    });
  }

  #hello(): void {
    const missed = this.#greeted;
    this.#greeted = true;
    this.#failures = 0;
    this.#pause();
    this.state.value = { kind: 'live' };
    if (missed) this.#tell({ kind: 'again' });
  }

  #cut(source: Source): void {
    if (this.state.value.kind !== 'cut') {
      this.state.value = { kind: 'cut', since: new Date().toISOString() };
    }
    this.#greeted = true;
    this.#poll ??= setInterval(() => {
      this.#tell({ kind: 'again' });
    }, POLL_MS);
    // One that is not closed connects again by itself.
    if (source.readyState !== CLOSED) return;
    this.#doubted();
    const wait = RETRY_MS[Math.min(this.#failures++, RETRY_MS.length - 1)];
    this.#retry = setTimeout(() => {
      this.#connect();
    }, wait);
  }

  #ended(): void {
    this.stop();
    this.#doubted();
  }

  #pause(): void {
    clearInterval(this.#poll);
    this.#poll = undefined;
  }

  #tell(news: News): void {
    for (const listener of [...this.#listeners]) listener(news);
  }
}

function dataOf(event: Event): Record<string, unknown> {
  try {
    const data: unknown = JSON.parse((event as MessageEvent<string>).data);
    return typeof data === 'object' && data !== null ? (data as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}
