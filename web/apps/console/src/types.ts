/** What the console's API answers: see crates/server/src/http/console. Every time is RFC 3339 in UTC. */

export const STATUSES = [
  'pending',
  'processing',
  'completed',
  'failed',
  'cancelled',
  'expired',
  'refunded',
] as const;

export type Status = (typeof STATUSES)[number];

export interface Money {
  /** Exact decimal, for inputs. */
  amount: string;
  currency: string;
  /** As the button, the invoice and the export write it: shown as it is. */
  text: string;
}

export interface Session {
  user_id: number;
  role: string;
  signed_in_at: string;
  expires_at: string;
}

/** What kind of id was pasted. */
export type MatchKind =
  | 'payment'
  | 'consultation'
  | 'patient'
  | 'invoice'
  | 'idempotency_key'
  | 'checkout_session'
  | 'payment_intent'
  | 'charge'
  | 'refund'
  | 'event'
  | 'dispute'
  | 'reference'
  | 'session_name'
  | 'refund_name';

export interface Row {
  id: number;
  reference: string;
  consultation_id: number;
  user_id: number;
  status: Status;
  amount: Money;
  refunded: Money | null;
  dispute: string | null;
  cancel_requested: boolean;
  invoice_number: string;
  invoice_status: string;
  payment_method: string;
  created_at: string;
  updated_at: string;
  matched?: MatchKind[];
}

export interface PaymentList {
  data: Row[];
  next_cursor: string | null;
  /** How far one request looked before it gave up; null: to the end of the page. */
  looked_back_to: string | null;
  asked_stripe: 'found' | 'not_found' | 'unreachable' | null;
}

export interface Origin {
  by: string;
  user?: number;
  request_id?: string;
  event?: string;
}

export interface Moment {
  sequence: number;
  at: string;
  kind: string;
  text: string;
  entry?: { origin?: Origin; times?: number } & Record<string, unknown>;
  hash?: string;
}

export interface Timeline {
  data: Moment[];
  next_after: number | null;
}

export interface Refund {
  id: string;
  payment_intent: string;
  amount: Money;
  state: 'requested' | 'pending' | 'succeeded' | 'failed' | 'canceled';
  origin: 'operator' | 'automatic' | 'dashboard';
  /** The operator's number. */
  by: number | null;
  reason: string | null;
  failure: string | null;
  stripe_id: string | null;
  created_at: string;
}

export interface StripeEvent {
  id: string;
  kind: string;
  object: string | null;
  received_at: string;
  state: 'waiting' | 'done' | 'given_up';
  attempts: number;
  error: string | null;
  finished_at: string | null;
}

export interface Case {
  kind: string;
  object: string;
  payment_id?: number | null;
  detail: string;
  opened_at: string;
  closed_at?: string | null;
}

/** One payment, whole. */
export interface PaymentPage {
  payment: Row;
  taxes: { type: string; rate: string; amount: Money; refunded: Money }[];
  invoice: {
    number: string;
    amount: Money;
    status: string;
    issued_at: string;
    html: string;
    pdf: string;
  };
  keys: { key: string; user_id: number; created_at: string }[];
  sessions: { id: string; state: string; stripe_id: string | null; created_at: string }[];
  captures: {
    payment_intent: string;
    disposition: 'settled' | 'surplus' | 'mismatch';
    amount: Money;
    remaining: Money;
    session: string;
    created_at: string;
  }[];
  refunds: Refund[];
  disputes: {
    stripe_id: string;
    payment_intent: string;
    amount: Money;
    state: string;
    reason: string;
    created_at: string;
  }[];
  events: StripeEvent[];
  cases: Case[];
  outbox: { last: number; delivered: number; parked: boolean; error: string | null } | null;
  /** What can still be refunded; null: nothing was captured. */
  remaining: Money | null;
  actions: { refund: boolean; cancel: boolean; reconcile: boolean };
  timeline: Timeline;
}

/** What an action came to. */
export interface Outcome {
  outcome:
    | 'made'
    | 'requested'
    | 'known'
    | 'cancelled'
    | 'changed'
    | 'unchanged'
    | 'unanswered'
    | 'done'
    | 'failed';
  why?: string;
  payment_page: PaymentPage | null;
}

/** Who was faster, in the answer 409 to a refund. */
export interface FasterRefund {
  by: number | null;
  origin: string;
  at: string;
  amount: Money;
  state: string;
  reason: string | null;
}

export interface Step {
  step: string;
  count: number;
  mean_ms: number;
  /** Null: longer than the last bound of the histogram. */
  p50_ms: number | null;
  p95_ms: number | null;
  p99_ms: number | null;
}

export interface Health {
  at: string;
  /** Where today began. */
  since: string;
  server_started_at: string;
  payments: {
    today: number;
    by_status: Record<Status, number>;
    capped: boolean;
    latest: number[];
  };
  duplicates: {
    today: number;
    caught: { cache: number; lock: number; database: number };
    capped: boolean;
    payments: { payment_id: number; times: number; caught: string; at: string }[];
  };
  cache: { hits: number; misses: number; unreachable: number; hit_ratio: number | null };
  lock: { waits: number; timeouts: number; lost: number };
  steps: Step[];
  inbox: {
    waiting: number;
    given_up: number;
    oldest: string | null;
    given_up_events: StripeEvent[];
  };
  outbox: { waiting: number; parked: number; enabled: boolean };
  verify: {
    at: string;
    holds: boolean;
    checks: number;
    broken: { part_of: string; invariant: string; rows: number }[];
    entries: number;
    payments: number;
  } | null;
  reconciler: {
    at: string;
    expired: number;
    sessions: number;
    settled: number;
    refunds: number;
    given_back: number;
    found: number;
    unanswered: number;
  } | null;
  cases: Case[];
  open_cases: number;
}
