import type { KeyStorage, PaymentRequest } from './types.js';

/** How long an answered key is used again for the same data, in milliseconds. */
export const REUSE_MS = 30_000;

const ITEM = 'sekali:keys';

interface Entry {
  key: string;
  /** When the key was made. */
  since: number;
  /** No answer came yet: the payment may exist, and only this key leads back to it. */
  open: boolean;
  /** How often the key was sent. */
  sent: number;
}

type Entries = Record<string, Entry>;

interface KeyBookOptions {
  storage: () => KeyStorage | null;
  now: () => number;
  uuid: () => string;
}

/** What a caller would like to send, if no key is kept that goes before it. */
type Wish = Pick<PaymentRequest, 'newKey' | 'key'>;

/** The name of the data a key belongs to: 5000, "5000" and "5000.00" are one amount. */
export function nameOf({ consultationId, amount, paymentMethod }: PaymentRequest): string {
  const decimal = String(amount).trim();
  const canonical = /^\d+(\.\d+)?$/.test(decimal)
    ? decimal.replace(/^0+(?=\d)/, '').replace(/\.0+$|(\.\d*[1-9])0+$/, '$1')
    : decimal;
  return JSON.stringify([consultationId, canonical, paymentMethod]);
}

/** Remembers which key was sent for which data, across reloads and tabs where the browser lets it. */
export class KeyBook {
  readonly #options: KeyBookOptions;
  /** What the browser would not store; while this is set, it is newer than what is stored. */
  #unstored: Entries | undefined;

  constructor(options: KeyBookOptions) {
    this.#options = options;
  }

  /** The key to send now, noted down before it is sent, so that a reload or another tab finds it. */
  take(name: string, wish: Wish): Promise<{ key: string; attempt: number }> {
    return oneTabAtATime(() => {
      const now = this.#options.now();
      const entries = this.#read();
      const { key, since, sent } = this.#choose(entries[name], wish, now);
      this.#write({ ...entries, [name]: { key, since, open: true, sent: sent + 1 } });
      return { key, attempt: sent + 1 };
    });
  }

  #choose(known: Entry | undefined, { newKey, key }: Wish, now: number): Omit<Entry, 'open'> {
    if (known && (known.open || (newKey !== true && isRecent(known, now)))) return known;
    if (newKey !== true && key !== undefined) return { key, since: now, sent: 1 };
    return { key: `payment-${now}-${this.#options.uuid()}`, since: now, sent: 0 };
  }

  /** The same key goes out once more; says for which time. */
  again(name: string, key: string): number {
    const entries = this.#read();
    const entry = entries[name];
    // Another tab may have moved on to another key.
    if (entry?.key !== key) return 2;
    const sent = entry.sent + 1;
    this.#write({ ...entries, [name]: { ...entry, sent } });
    return sent;
  }

  /** The service answered what became of this key. */
  answered(name: string, key: string): void {
    const entries = this.#read();
    const entry = entries[name];
    if (entry?.key === key) this.#write({ ...entries, [name]: { ...entry, open: false } });
  }

  /** Drops the key of these data; with `key`, only if it is still that one (another tab may have moved on). */
  forget(name: string, key?: string): void {
    const { [name]: entry, ...others } = this.#read();
    if (entry && (key === undefined || entry.key === key)) this.#write(others);
  }

  #read(): Entries {
    if (this.#unstored) return this.#unstored;
    try {
      return parse(this.#options.storage()?.getItem(ITEM));
    } catch {
      return {};
    }
  }

  #write(entries: Entries): void {
    const now = this.#options.now();
    const kept = Object.fromEntries(
      Object.entries(entries).filter(([, entry]) => entry.open || isRecent(entry, now)),
    );
    try {
      const storage = this.#options.storage();
      if (!storage) throw new Error('no storage');
      storage.setItem(ITEM, JSON.stringify(kept));
      this.#unstored = undefined;
    } catch {
      // Full, forbidden or absent: this page at least remembers.
      this.#unstored = kept;
    }
  }
}

/** Two tabs that are pressed at the same moment would otherwise each find no key, and make one. */
async function oneTabAtATime<T>(work: () => T): Promise<T> {
  // Absent on insecure origins, in older browsers and in Node.js.
  const locks = (globalThis as { navigator?: Partial<Navigator> }).navigator?.locks;
  let done: { value: T } | undefined;
  try {
    await locks?.request(ITEM, () => (done = { value: work() }));
  } catch {
    // Forbidden, as storage is in a page of an opaque origin.
  }
  return done ? done.value : work();
}

function isRecent(entry: Entry, now: number): boolean {
  const age = now - entry.since;
  // A clock that was set back says nothing about the age.
  return age >= 0 && age <= REUSE_MS;
}

/** Anything on this origin may have written there, so every field is looked at. */
function parse(text: string | null | undefined): Entries {
  const stored: unknown = JSON.parse(text ?? '{}');
  if (typeof stored !== 'object' || stored === null) return {};
  return Object.fromEntries(
    Object.entries(stored).filter((pair): pair is [string, Entry] => isEntry(pair[1])),
  );
}

function isEntry(value: unknown): value is Entry {
  if (typeof value !== 'object' || value === null) return false;
  const { key, since, open, sent } = value as Partial<Record<keyof Entry, unknown>>;
  return (
    typeof key === 'string' &&
    typeof since === 'number' &&
    typeof open === 'boolean' &&
    typeof sent === 'number'
  );
}
