/** The states of a payment, as the service names them. */
export type PaymentStatus =
  'pending' | 'processing' | 'completed' | 'failed' | 'cancelled' | 'expired' | 'refunded';

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
}

/** A payment as the service shows it; amounts are exact decimals, times are UTC. */
export interface Payment {
  id: number;
  user_id: number;
  consultation_id: number;
  amount: string;
  payment_method: string;
  status: PaymentStatus;
  currency: string;
  created_at: string;
  updated_at: string;
}

/** The invoice of a payment. */
export interface Invoice {
  id: number;
  payment_id: number;
  invoice_number: string;
  amount: string;
  status: 'pending' | 'paid' | 'void' | 'refunded';
  issued_at: string;
}

interface Identified {
  payment_id: number;
  /** The same id under the name the original's components read. */
  paymentId: number;
  /** Where the patient can pay; only there while the payment can be paid. */
  checkout_url?: string;
}

/** `data` of a payment that was just made. */
export interface CreatedData extends Identified {
  type: 'new';
  payment: Payment;
  invoice: Invoice;
}

/** `data` of a payment that was there already. */
export interface ExistingData extends Identified {
  type: 'existing';
  status: PaymentStatus;
  message: string;
}

export interface PaymentCreated {
  success: true;
  status: 201;
  type: 'new';
  data: CreatedData;
  message: string;
}

export interface PaymentExists {
  success: true;
  status: 409;
  type: 'existing';
  data: ExistingData;
  message: string;
}

export interface PaymentFailed {
  success: false;
  /** The HTTP status; 0 when no answer came. */
  status: number;
  type: 'error';
  data: null;
  /** Words for the patient. */
  message: string;
  /** What is wrong with which field, where the service said so. */
  errors?: Record<string, string[]>;
  /** To be quoted to whoever runs the service. */
  requestId?: string;
}

export type PaymentResult = PaymentCreated | PaymentExists | PaymentFailed;

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
  /** Language of the service's messages: `id` (default) or `en`. */
  language?: string;
  /** Milliseconds after which a request counts as unanswered; 30,000 by default. */
  timeout?: number;
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
  /** Drops the key of these data, whatever became of it. */
  forget: (request: PaymentRequest) => void;
  /** Where the patient goes to pay. */
  processUrl: (data: Pick<Identified, 'payment_id' | 'checkout_url'>) => string;
  /** Changes the given options and leaves the others. */
  configure: (options: PaymentServiceOptions) => void;
}
