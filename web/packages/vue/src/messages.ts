/** Languages that the modal speaks. */
export type Locale = 'id' | 'en' | 'fil';

/** Every text of the modal. */
export interface Messages {
  title: string;
  fee: string;
  pay: string;
  paying: string;
  close: string;
  /** A request is under way. */
  working: string;
  /** 201. */
  created: string;
  /** 409. */
  exists: (paymentId: number) => string;
  /** Anything else; the service's words follow. */
  failed: (message: string) => string;
  /** Goes on with a payment that can still be paid. */
  continue: string;
  /** Pays anew, after a payment that is over. */
  again: string;
  /** Back from Stripe: the service is being asked. */
  checking: string;
  /** It did not answer. */
  unknown: string;
  /** Asks it once more. */
  check: string;
  /** Submitted at Stripe, and not settled yet. */
  confirming: string;
  paid: string;
}

const id: Messages = {
  title: 'Konfirmasi Pembayaran',
  fee: 'Biaya Konsultasi:',
  pay: '💳 BAYAR',
  paying: '⏳ MEMPROSES...',
  close: 'Tutup',
  working: 'Memproses pembayaran...',
  created: '✅ Pembayaran berhasil dibuat. Mengarahkan ke Stripe...',
  exists: (paymentId) => `⚠️ Pembayaran sudah diproses sebelumnya (ID: ${paymentId})`,
  failed: (message) => `❌ Error: ${message}`,
  continue: 'Lanjutkan pembayaran',
  again: 'Coba lagi',
  checking: 'Memeriksa status pembayaran...',
  unknown:
    'Status pembayaran Anda belum diketahui. Periksa sambungan internet, lalu periksa lagi. Anda tidak akan ditagih dua kali.',
  check: 'Periksa lagi',
  confirming: 'Pembayaran Anda sedang dikonfirmasi. Anda tidak perlu membayar lagi.',
  paid: '✅ Anda sudah membayar. Kami tidak akan menagih lagi.',
};

const en: Messages = {
  title: 'Confirm payment',
  fee: 'Consultation fee:',
  pay: '💳 PAY',
  paying: '⏳ PROCESSING...',
  close: 'Close',
  working: 'Processing the payment...',
  created: '✅ The payment was created. Taking you to Stripe...',
  exists: (paymentId) => `⚠️ This payment was already processed (ID: ${paymentId})`,
  failed: (message) => `❌ Error: ${message}`,
  continue: 'Continue payment',
  again: 'Try again',
  checking: 'Checking how your payment stands...',
  unknown:
    'We do not know yet how your payment stands. Check your connection, then check again. You will not be charged twice.',
  check: 'Check again',
  confirming: 'Your payment is being confirmed. You do not have to pay again.',
  paid: '✅ You have already paid. We will not charge you again.',
};

/** Not reviewed by a native speaker yet: see `UNREVIEWED`. */
const fil: Messages = {
  title: 'Kumpirmahin ang Bayad',
  fee: 'Bayad sa Konsultasyon:',
  pay: '💳 MAGBAYAD',
  paying: '⏳ PINOPROSESO...',
  close: 'Isara',
  working: 'Pinoproseso ang bayad...',
  created: '✅ Nagawa na ang bayad. Dadalhin ka sa Stripe...',
  exists: (paymentId) => `⚠️ Naproseso na ang bayad na ito (ID: ${paymentId})`,
  failed: (message) => `❌ Error: ${message}`,
  continue: 'Ituloy ang pagbabayad',
  again: 'Subukan muli',
  checking: 'Tinitingnan ang lagay ng bayad...',
  unknown:
    'Hindi pa alam ang lagay ng iyong bayad. Tingnan ang koneksiyon, saka tingnan muli. Hindi ka sisingilin nang dalawang beses.',
  check: 'Tingnan muli',
  confirming: 'Kinukumpirma pa ang iyong bayad. Hindi mo kailangang magbayad muli.',
  paid: '✅ Nakabayad ka na. Hindi ka na namin sisingilin muli.',
};

/** The catalogue of each language. */
export const MESSAGES: Readonly<Record<Locale, Messages>> = { id, en, fil };

/** Catalogues that no native speaker has read over yet. */
export const UNREVIEWED: ReadonlySet<Locale> = new Set<Locale>(['fil']);
