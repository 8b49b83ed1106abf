import { shallowRef } from 'vue';

/** One request to the service, as the page shows it. Never with a token. */
export interface Exchange {
  id: number;
  method: string;
  path: string;
  /** The HTTP status; 0 when no answer came, undefined while it is awaited. */
  status: number | undefined;
  milliseconds: number | undefined;
  key: string | undefined;
  /** The key was sent before. */
  sameKey: boolean;
  /** How often the same question got the same answer in a row. */
  times: number;
}

const SHOWN = 10;
const ITEM = 'sekali:exchanges';

/** The last requests, the newest first; a reload keeps them. */
export const exchanges = shallowRef<readonly Exchange[]>(stored());

let nextId = Math.max(0, ...exchanges.value.map(({ id }) => id)) + 1;

/** `fetch`, noted down for the page to show. */
export async function recordedFetch(
  input: RequestInfo | URL,
  init: RequestInit = {},
): Promise<Response> {
  const id = begin(input, init);
  const start = performance.now();
  let status = 0;
  try {
    const response = await fetch(input, init);
    status = response.status;
    return response;
  } finally {
    finish(id, status, Math.round(performance.now() - start));
  }
}

function begin(input: RequestInfo | URL, init: RequestInit): number {
  const url = new URL(input instanceof Request ? input.url : input, window.location.href);
  const key = new Headers(init.headers).get('X-Idempotency-Key') ?? undefined;
  const exchange: Exchange = {
    id: nextId++,
    method: init.method ?? 'GET',
    path: url.pathname + url.search,
    status: undefined,
    milliseconds: undefined,
    key,
    sameKey: key !== undefined && exchanges.value.some((earlier) => earlier.key === key),
    times: 1,
  };
  show([exchange, ...exchanges.value].slice(0, SHOWN));
  return exchange.id;
}

function finish(id: number, status: number, milliseconds: number): void {
  const done = exchanges.value.map((one) =>
    one.id === id ? { ...one, status, milliseconds } : one,
  );
  show(withoutRepeats(done));
}

/** A status that is asked for every few seconds would push everything else out of sight. */
function withoutRepeats(list: readonly Exchange[]): readonly Exchange[] {
  const [newest, before, ...rest] = list;
  if (newest?.method !== 'GET' || before?.status === undefined) return list;
  if (newest.path !== before.path || newest.status !== before.status) return list;
  return [{ ...newest, times: before.times + 1 }, ...rest];
}

function show(list: readonly Exchange[]): void {
  exchanges.value = list;
  try {
    sessionStorage.setItem(ITEM, JSON.stringify(list));
  } catch {
    // Without storage a reload begins with an empty list.
  }
}

function stored(): readonly Exchange[] {
  try {
    const list = JSON.parse(sessionStorage.getItem(ITEM) ?? '[]') as Exchange[];
    // What was awaited when the page was left is not awaited any more.
    return list.map((one) => ({ ...one, status: one.status ?? 0 }));
  } catch {
    return [];
  }
}
