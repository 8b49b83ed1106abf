import type { CreatedData, ExistingData, PaymentFailed } from '@sekali/client';
import type { Locale, Messages } from './messages.js';
import type { ModalService, Phase } from './usePayment.js';

/** The props of `PaymentModal`. */
export interface PaymentModalProps {
  /** The consultation to pay. */
  consultationId: number;
  /** In whole units of `currency`. */
  amount: number;
  /** ISO 4217. */
  currency?: string;
  paymentMethod?: string;
  /** Whose `createPayment` is called. */
  service?: ModalService;
  /** Whether the dialog is shown; `v-model:open` works. */
  open?: boolean;
  /** `false` puts it into the page's flow, where the rest of the page stays usable. */
  modal?: boolean;
  locale?: Locale;
  /** Texts of the host's own, instead of the catalogue's. */
  messages?: Partial<Messages>;
  /** `auto` follows the reader's system. */
  theme?: 'auto' | 'light' | 'dark';
  /** Leaves for the page where the patient pays. */
  navigate?: (url: string) => void;
}

/** The events of `PaymentModal`. */
export interface PaymentModalEmits {
  /** 201: the payment was made; the page moves on in 2 s. */
  created: [data: CreatedData];
  /** 409: the payment was there already. */
  exists: [data: ExistingData];
  /** Anything else. */
  failed: [result: PaymentFailed];
  /** It was closed by the patient. */
  close: [];
  'update:open': [open: boolean];
}

/** The slots of `PaymentModal`; each has what stands there without it. */
export interface PaymentModalSlots {
  title?: () => unknown;
  /** Beside "Biaya Konsultasi:". */
  amount?: (props: { formatted: string; amount: number; currency: string }) => unknown;
  /** Between the fee and the button: terms, for one. Empty without it. */
  default?: (props: { phase: Phase }) => unknown;
  /** What stands on the pay button; it has to name the button. */
  button?: (props: { busy: boolean; label: string }) => unknown;
  /** Within the `role="status"` region. */
  message?: (props: { level: Level; text: string; phase: Phase }) => unknown;
  /** Below everything. Empty without it. */
  footer?: (props: { phase: Phase }) => unknown;
}

/** The class of a message, beside `alert`. */
export type Level = 'info' | 'success' | 'warning' | 'error';
