import type { components } from './api.js';

type Schemas = components['schemas'];

/** What the document says may be null is left out instead, by the service and by `readObject`. */
type Given<T> = T extends object ? { [K in keyof T]: Given<Exclude<T[K], null>> } : T;

/** The states of a payment, as the service names them. */
export type PaymentStatus = Schemas['StatusWord'];

/** A payment as the service shows it; amounts are exact decimals, times are UTC. */
export type Payment = Given<Schemas['PaymentView']>;

/** The invoice of a payment. */
export type Invoice = Given<Schemas['InvoiceView']>;

/** A payment with its invoice, and `checkout_url` while it can be paid. */
export type Receipt = Given<Schemas['ReceiptView']>;

/** Every error of the service's (RFC 9457). */
export type Problem = Given<Schemas['ProblemBody']>;

/** What is to be paid. The three first fields are the data a key belongs to. */
export interface PaymentRequest {
  consultationId: number;
  /** In whole units of the consultation's currency; a string of digits stays exact. */
  amount: number | string;
  paymentMethod: string;
  /**
   * Ask for a fresh key because the last one is spent: its payment failed, expired, was cancelled or
   * refunded. A key whose outcome is still unknown is kept all the same, for nobody knows that it is spent.
   */
  newKey?: boolean;
  /**
   * The `key` of an earlier result, to be sent again although its 30 s are over; a key that is kept for
   * these data goes before it.
   */
  key?: string;
  /** Stops waiting, and resolves with `reason: 'aborted'`; the key is kept, for the payment may exist. */
  signal?: AbortSignal;
  /** For this one call; see `PaymentServiceOptions.language`. */
  language?: string;
}

/** Whose latest payment is asked for. */
export type PaymentQuery = Pick<PaymentRequest, 'consultationId' | 'signal' | 'language'>;

/** The payment's id under the name the original's components read. */
interface Identified {
  paymentId: number;
}

/** `data` of a payment that was just made. */
export type CreatedData = Given<Schemas['CreatedData']> & Identified;

/** `data` of a payment that was there already. */
export type ExistingData = Given<Schemas['DuplicateData']> & Identified;

/** 201: the payment was made. */
export interface PaymentCreated {
  success: true;
  status: 201;
  type: 'new';
  data: CreatedData;
  message: string;
  /** The idempotency key that was sent. */
  key?: string;
}

/** 409: the payment was there already. */
export interface PaymentExists {
  success: true;
  status: 409;
  type: 'existing';
  data: ExistingData;
  message: string;
  /** The idempotency key that was sent. */
  key?: string;
}

/**
 * Why there is no payment to show.
 *
 * - `network`, `timeout`: no answer came; the payment may exist, and the same key finds out.
 * - `aborted`: the caller's signal said so; the payment may exist.
 * - `invalid`: the data cannot be sent; nothing was.
 * - `refused`: the service stored nothing and would refuse these data, or this key, again.
 * - `unavailable`: an answer that says nothing of the payment: 5xx, a proxy's page, a token that is over.
 */
export type FailureReason =
  'network' | 'timeout' | 'aborted' | 'invalid' | 'refused' | 'unavailable';

/** Everything else. */
export interface PaymentFailed {
  success: false;
  /** The HTTP status; 0 when no answer came. */
  status: number;
  type: 'error';
  reason: FailureReason;
  data: null;
  /** Words for the patient. */
  message: string;
  /** The idempotency key that was sent, if one was. */
  key?: string;
  /** What is wrong with which field, where the service said so. */
  errors?: NonNullable<Problem['errors']>;
  /** To be quoted to whoever runs the service. */
  requestId?: string;
}

export type PaymentResult = PaymentCreated | PaymentExists | PaymentFailed;

/** The latest payment of a consultation; `null` when there is none. */
export interface PaymentFound {
  success: true;
  status: 200;
  type: 'found';
  data: Receipt | null;
  message: string;
}

export type PaymentLookup = PaymentFound | PaymentFailed;

/** A request that goes out under a key that was sent before. */
export interface RetryNotice {
  key: string;
  /** 2 for the second time this key is sent. */
  attempt: number;
}

/** Where keys are kept between reloads; `localStorage` fits. */
export type KeyStorage = Pick<Storage, 'getItem' | 'setItem' | 'removeItem'>;

export interface PaymentServiceOptions {
  /** Where the service is; empty for the page's own origin. */
  baseUrl?: string;
  /** The patient's JWT, asked for anew before each request. */
  getToken?: () => string | null | undefined | Promise<string | null | undefined>;
  /** Language of messages: `id` (default) or `en`; the service reads it as `Accept-Language`. */
  language?: string;
  /** Milliseconds after which one request counts as unanswered; 30,000 by default. */
  timeout?: number;
  /**
   * Milliseconds for which a call sends the same request again by itself, after pauses that grow, when
   * the network fails, the service is busy, or the key is still in flight; 10,000 by default, 0 for never.
   */
  retryFor?: number;
  fetch?: typeof globalThis.fetch;
  /** `localStorage` by default, which a reload keeps and tabs share; `null` keeps keys in memory only. */
  storage?: KeyStorage | null;
  /** Milliseconds since 1970. */
  now?: () => number;
  /** A UUID of version 4. */
  uuid?: () => string;
  onRetry?: (notice: RetryNotice) => void;
}

export interface PaymentService {
  /** Makes the payment, or finds the one that is there. Resolves always; throws nothing. */
  createPayment: (request: PaymentRequest) => Promise<PaymentResult>;
  /** How the consultation's latest payment stands. Resolves always; throws nothing, and changes nothing. */
  findPayment: (query: PaymentQuery) => Promise<PaymentLookup>;
  /** Drops the key of these data, whatever became of it. */
  forget: (request: PaymentRequest) => void;
  /** Where the patient goes to pay. */
  processUrl: (data: Pick<CreatedData, 'payment_id' | 'checkout_url'>) => string;
  /** Changes the given options and leaves the others. */
  configure: (options: PaymentServiceOptions) => void;
}
