import type { FailureReason } from './types.js';

/** What the client says by itself, where the service has said nothing. */
interface Words {
  network: string;
  aborted: string;
  invalid: string;
  /** `status` is the HTTP status. */
  unavailable: (status: number) => string;
}

const INDONESIAN: Words = {
  network:
    'Tidak ada jawaban dari layanan pembayaran. Silakan coba lagi, Anda tidak akan ditagih dua kali.',
  aborted: 'Permintaan dihentikan. Silakan coba lagi, Anda tidak akan ditagih dua kali.',
  invalid: 'Data pembayaran tidak dapat dibaca.',
  unavailable: (status) =>
    `Layanan pembayaran sedang terganggu (HTTP ${status}). Silakan coba lagi.`,
};

const ENGLISH: Words = {
  network: 'The payment service did not answer. Please try again: you will not be charged twice.',
  aborted: 'The request was stopped. Please try again: you will not be charged twice.',
  invalid: 'The payment data cannot be read.',
  unavailable: (status) =>
    `The payment service is not available (HTTP ${status}). Please try again.`,
};

/** In Indonesian unless another language is asked for. */
export function wordsFor(reason: FailureReason, status: number, language = 'id'): string {
  const words = /^id\b/.test(language) ? INDONESIAN : ENGLISH;
  if (reason === 'aborted' || reason === 'invalid') return words[reason];
  return status === 0 ? words.network : words.unavailable(status);
}
