import { STATUSES } from './types.js';
import type { Status } from './types.js';

/** Which payments are listed. Its query string is the address of the view, and what the service is asked. */
export interface ListView {
  /** Any id. */
  q: string;
  statuses: readonly Status[];
  /** First moment, RFC 3339 in UTC, or ''. */
  from: string;
  /** The moment before which the payments were made, or ''. */
  to: string;
  /** Decimals in whole units, or ''. */
  min: string;
  max: string;
  /** Where the page begins; '' for the newest payments. */
  cursor: string;
}

export type Route =
  | { page: 'payments'; view: ListView }
  | { page: 'payment'; id: number }
  | { page: 'health' }
  | { page: 'nowhere' };

export const ROOT = '/console';

export const WHOLE_LIST: ListView = {
  q: '',
  statuses: [],
  from: '',
  to: '',
  min: '',
  max: '',
  cursor: '',
};

/** The view at an address below the origin, as "/console?status=pending". */
export function routeOf(address: string): Route {
  const url = new URL(address, 'http://localhost');
  const path = url.pathname.replace(/\/+$/, '');
  if (path === ROOT) return { page: 'payments', view: viewOf(url.searchParams) };
  if (path === `${ROOT}/health`) return { page: 'health' };
  const id = /^\/console\/payments\/(\d{1,15})$/.exec(path)?.[1];
  return id === undefined ? { page: 'nowhere' } : { page: 'payment', id: Number(id) };
}

/** The address of a view: the same view has the same address, whatever way led to it. */
export function addressOf(route: Route): string {
  switch (route.page) {
    case 'payments': {
      const query = queryOf(route.view);
      return query === '' ? ROOT : `${ROOT}?${query}`;
    }
    case 'payment':
      return `${ROOT}/payments/${route.id}`;
    case 'health':
      return `${ROOT}/health`;
    case 'nowhere':
      return ROOT;
  }
}

/** What stands in the address and cannot be read is as if it were not there. */
function viewOf(query: URLSearchParams): ListView {
  const words = query.getAll('status').flatMap((value) => value.split(','));
  return {
    q: (query.get('q') ?? '').trim(),
    statuses: STATUSES.filter((status) => words.includes(status)),
    from: timeOf(query.get('from') ?? ''),
    to: timeOf(query.get('to') ?? ''),
    min: amountOf(query.get('min') ?? ''),
    max: amountOf(query.get('max') ?? ''),
    cursor: query.get('cursor') ?? '',
  };
}

/** The query string of a view, in a fixed order, without what is left open. */
export function queryOf(view: ListView): string {
  const query = new URLSearchParams();
  if (view.q !== '') query.set('q', view.q);
  if (view.statuses.length > 0) query.set('status', view.statuses.join(','));
  for (const name of ['from', 'to', 'min', 'max', 'cursor'] as const) {
    if (view[name] !== '') query.set(name, view[name]);
  }
  // Commas and colons may stand in a query as they are, and can be read there.
  return query.toString().replaceAll('%2C', ',').replaceAll('%3A', ':');
}

/** The same filter, from its newest payment on: what an export takes. */
export function filterOf(view: ListView): string {
  return queryOf({ ...view, cursor: '' });
}

/** Whether anything is left out. */
export function isFiltered(view: ListView): boolean {
  return filterOf(view) !== '';
}

/** A day, or a time with its zone, as a time in UTC to the second; '' if it is neither. */
export function timeOf(text: string): string {
  const day = /^\d{4}-\d{2}-\d{2}$/.test(text);
  const time = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:\d{2})$/.test(text);
  const parsed = day || time ? new Date(text) : undefined;
  if (!parsed || Number.isNaN(parsed.getTime())) return '';
  return `${parsed.toISOString().slice(0, 19)}Z`;
}

/** What an `<input type="datetime-local">` shows of a time, without asking the browser's zone. */
export function inputOfTime(time: string): string {
  return time === '' ? '' : time.slice(0, time.endsWith(':00Z') ? 16 : 19);
}

/** The time in UTC that such an input means. */
export function timeOfInput(text: string): string {
  return text === '' ? '' : timeOf(`${text}Z`);
}

/** A decimal as people type it, "5.000,50" and "5,000.50" not guessed at; '' if it is none. */
export function amountOf(text: string): string {
  const trimmed = text.trim();
  return /^\d{1,15}(\.\d{1,4})?$/.test(trimmed) ? trimmed : '';
}
