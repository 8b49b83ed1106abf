// Generated from the service's OpenAPI document by scripts/types.js; do not edit.
export type paths = Record<string, never>;
export type webhooks = Record<string, never>;
export interface components {
  schemas: {
    CreatedData: components['schemas']['ReceiptView'] & {
      /**
       * Format: int64
       * @example 100
       */
      payment_id: number;
      type: components['schemas']['NewWord'];
    };
    /** @description The answer 201. */
    CreatedView: {
      data: components['schemas']['CreatedData'];
      /** @example Pembayaran berhasil dibuat */
      message: string;
    };
    /** @description An exact decimal above zero, as a string or a number */
    DecimalAmount: string | number;
    DuplicateData: {
      /** @description Where the patient goes on to pay; only while the payment can be paid. */
      checkout_url?: string | null;
      /** @example Pembayaran sudah dibuat sebelumnya */
      message: string;
      /**
       * Format: int64
       * @example 100
       */
      payment_id: number;
      /** @description The payment's current status. */
      status: components['schemas']['StatusWord'];
      type: components['schemas']['ExistingWord'];
    };
    /** @description The answer 409 about a payment that exists. */
    DuplicateView: {
      data: components['schemas']['DuplicateData'];
      /** @example Duplicate payment request detected */
      message: string;
    };
    /** @enum {string} */
    ExistingWord: 'existing';
    /** @enum {string} */
    InvoiceStatusWord: 'pending' | 'paid' | 'void' | 'refunded';
    /** @description An invoice. */
    InvoiceView: {
      /**
       * @description The payment's amount.
       * @example 5000.00
       */
      amount: string;
      /**
       * Format: int64
       * @description Its row.
       * @example 50
       */
      id: number;
      /**
       * @description What is printed on it.
       * @example INV-20240115103000-000100
       */
      invoice_number: string;
      /**
       * @description RFC 3339, UTC, whole seconds.
       * @example 2024-01-15T10:30:00Z
       */
      issued_at: string;
      /**
       * Format: int64
       * @description The payment it is for.
       * @example 100
       */
      payment_id: number;
      /** @description Follows the payment's. */
      status: components['schemas']['InvoiceStatusWord'];
    };
    Key: string;
    KeyHeader: string;
    /** @description A page of payments, newest first. */
    ListView: {
      data: components['schemas']['ReceiptView'][];
      /** @description The cursor of the next page; null on the last one. */
      next_cursor?: string | null;
    };
    /** @enum {string} */
    Method: 'stripe';
    /** @enum {string} */
    NewWord: 'new';
    /** @description A whole number above zero, or a string of its digits */
    Number: number | string;
    /** @description The body of `POST /api/v1/payments`. It is read field by field; this is its description. */
    PaymentRequest: {
      /** @description A number or a string of decimal digits; read as an exact decimal. Must be the consultation's fee. */
      amount: components['schemas']['DecimalAmount'];
      /** @description A number above zero, or a string of its digits. */
      consultation_id: components['schemas']['Number'];
      idempotency_key?: null | components['schemas']['Key'];
      payment_method: components['schemas']['Method'];
    };
    /** @description A payment. */
    PaymentView: {
      /**
       * @description Exact decimal in whole units, with the currency's own number of decimals.
       * @example 5000.00
       */
      amount: string;
      /** @description It is to be cancelled, and Stripe has not yet said that its session is dead; only where that is so. */
      cancel_requested?: boolean;
      /**
       * Format: int64
       * @description For which consultation.
       * @example 5
       */
      consultation_id: number;
      /**
       * @description RFC 3339, UTC, whole seconds.
       * @example 2024-01-15T10:30:00Z
       */
      created_at: string;
      /**
       * @description ISO 4217.
       * @example PHP
       */
      currency: string;
      /**
       * @description Where its dispute stands (`needs_response`, `under_review`, `won`, `lost`, `closed`); only where there
       *     is one.
       */
      dispute?: string | null;
      /**
       * Format: int64
       * @description Its number.
       * @example 100
       */
      id: number;
      /**
       * @description How.
       * @example stripe
       */
      payment_method: string;
      /**
       * @description What of it was refunded for certain; only where something was.
       * @example 1000.00
       */
      refunded_amount?: string | null;
      /** @description Where it stands. */
      status: components['schemas']['StatusWord'];
      /**
       * @description RFC 3339, UTC, whole seconds.
       * @example 2024-01-15T10:30:00Z
       */
      updated_at: string;
      /**
       * Format: int64
       * @description Who pays.
       * @example 1
       */
      user_id: number;
    };
    /** @description Every error (RFC 9457). */
    ProblemBody: {
      detail: string;
      /** @description For 422: what is wrong with each field. */
      errors?: {
        [key: string]: string[];
      } | null;
      /** @description For people; Indonesian, or English with `Accept-Language: en`. */
      message: string;
      request_id?: string | null;
      /**
       * Format: int32
       * @example 422
       */
      status: number;
      title: string;
      /** @description The address of a page about this kind of error. */
      type: string;
    };
    /** @description A payment with its invoice, and the way to pay it while there is one. */
    ReceiptView: {
      /** @description Where the patient goes on to pay; only while the payment can be paid. */
      checkout_url?: string | null;
      invoice: components['schemas']['InvoiceView'];
      payment: components['schemas']['PaymentView'];
    };
    StandardKeyHeader: string;
    /** @enum {string} */
    StatusWord:
      'pending' | 'processing' | 'completed' | 'failed' | 'cancelled' | 'expired' | 'refunded';
  };
  responses: never;
  parameters: never;
  requestBodies: never;
  headers: never;
  pathItems: never;
}
export type $defs = Record<string, never>;
export type operations = Record<string, never>;
