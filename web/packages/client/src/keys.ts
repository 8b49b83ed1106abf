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

  /** The key to send now, noted down before it is sent, so that a reload in between finds it. */
  take(name: string, fresh: boolean): { key: string; attempt: number } {
    const now = this.#options.now();
    const entries = this.#read();
    const known = entries[name];
    const usable = known && (known.open || (!fresh && isRecent(known, now)));
    const key = usable ? known.key : `payment-${now}-${this.#options.uuid()}`;
    const attempt = usable ? known.sent + 1 : 1;
    const since = usable ? known.since : now;
    this.#write({ ...entries, [name]: { key, since, open: true, sent: attempt } });
    return { key, attempt };
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
