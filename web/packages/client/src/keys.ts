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
  /** May throw, or have nothing to give. */
  storage: () => KeyStorage | null | undefined;
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

export interface KeyBook {
  /** The key to send now, noted down before it is sent, so that a reload or another tab finds it. */
  take: (name: string, wish: Wish) => Promise<{ key: string; attempt: number }>;
  /** The same key goes out once more; says for which time. */
  again: (name: string, key: string) => number;
  /** The service answered what became of this key. */
  answered: (name: string, key: string) => void;
  /** Drops the key of these data; with `key`, only if it is still that one. */
  forget: (name: string, key?: string) => void;
}

/** Remembers which key was sent for which data, across reloads and tabs where the browser lets it. */
export function createKeyBook({ storage, now, uuid }: KeyBookOptions): KeyBook {
  /** What the browser would not store; while this is set, it is newer than what is stored. */
  let unstored: Entries | undefined;

  function choose(known: Entry | undefined, { newKey, key }: Wish): Omit<Entry, 'open'> {
    const since = now();
    if (known && (known.open || (!newKey && isRecent(known, since)))) return known;
    if (key !== undefined && !newKey) return { key, since, sent: 1 };
    return { key: `payment-${since}-${uuid()}`, since, sent: 0 };
  }

  /** Changes an entry that is still about this key: another tab may have moved on to another. */
  function change(
    name: string,
    key: string | undefined,
    changed: (entry: Entry) => Entry | undefined,
  ): void {
    const { [name]: entry, ...others } = read();
    if (!entry || (key ?? entry.key) !== entry.key) return;
    const next = changed(entry);
    write(next ? { ...others, [name]: next } : others);
  }

  function read(): Entries {
    if (unstored) return unstored;
    try {
      return parse(storage()?.getItem(ITEM));
    } catch {
      return {};
    }
  }

  function write(entries: Entries): void {
    const kept = Object.fromEntries(
      Object.entries(entries).filter(([, entry]) => entry.open || isRecent(entry, now())),
    );
    // Full, forbidden or absent: this page at least remembers.
    unstored = kept;
    try {
      const place = storage();
      place?.setItem(ITEM, JSON.stringify(kept));
      if (place) unstored = undefined;
    } catch {
      // It is remembered already.
    }
  }

  return {
    take: (name, wish) =>
      oneTabAtATime(() => {
        const entries = read();
        const { key, since, sent } = choose(entries[name], wish);
        const attempt = sent + 1;
        write({ ...entries, [name]: { key, since, open: true, sent: attempt } });
        return { key, attempt };
      }),
    again(name, key) {
      let sent = 2;
      change(name, key, (entry) => ({ ...entry, sent: (sent = entry.sent + 1) }));
      return sent;
    },
    answered(name, key) {
      change(name, key, (entry) => ({ ...entry, open: false }));
    },
    forget(name, key) {
      change(name, key, () => undefined);
    },
  };
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
  const stored = (JSON.parse(text ?? '{}') ?? {}) as object;
  return Object.fromEntries(
    Object.entries(stored).filter((pair): pair is [string, Entry] => isEntry(pair[1])),
  );
}

function isEntry(value: unknown): value is Entry {
  const { key, since, open, sent } = (value ?? {}) as Partial<Record<keyof Entry, unknown>>;
  const types = [key, since, open, sent].map((field) => typeof field);
  return types.join() === 'string,number,boolean,number';
}
