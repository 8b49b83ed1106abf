import type { CallFailed } from './call.js';
import type { FasterRefund, Money } from './types.js';

/** Somebody else's refund came first; nothing was refunded. */
export interface Changed {
  remaining: Money;
  latest: FasterRefund | null;
}

/** What the answer 409 `changed-meanwhile` tells; undefined for any other failure. */
export function changedMeanwhile(failure: CallFailed | undefined): Changed | undefined {
  if (failure?.status !== 409) return undefined;
  const { type, remaining, latest } = failure.problem;
  if (!type?.endsWith('/changed-meanwhile') || typeof remaining !== 'object') return undefined;
  return { remaining: remaining as Money, latest: (latest ?? null) as FasterRefund | null };
}

/** What the service says of one field. */
export function fieldError(failure: CallFailed | undefined, field: string): string {
  return failure?.problem.errors?.[field]?.join(' ') ?? '';
}
