import type { FailureReason } from './types.js';

type Words = readonly [
  /** No answer, for whatever reason. */
  none: string,
  invalid: string,
  unavailable: string,
  /** What the patient can do, and need not fear. */
  comfort: string,
];

const INDONESIAN: Words = [
  'Tidak ada jawaban dari layanan pembayaran.',
  'Data pembayaran tidak dapat dibaca.',
  'Layanan pembayaran sedang terganggu',
  'Silakan coba lagi, Anda tidak akan ditagih dua kali.',
];

const ENGLISH: Words = [
  'The payment service did not answer.',
  'The payment data cannot be read.',
  'The payment service is not available',
  'Please try again: you will not be charged twice.',
];

/** What the client says by itself, where the service has said nothing; in Indonesian unless another language is asked for. */
export function wordsFor(reason: FailureReason, status: number, language = 'id'): string {
  const words = /^id/.test(language) ? INDONESIAN : ENGLISH;
  const [none, invalid, unavailable, comfort] = words;
  if (reason === 'invalid') return invalid;
  return `${status === 0 ? none : `${unavailable} (HTTP ${status}).`} ${comfort}`;
}
