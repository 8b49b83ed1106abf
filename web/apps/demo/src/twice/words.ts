import type { Outcome, Stage, StepName } from './run.js';

export interface Way {
  name: string;
  title: string;
  what: string;
  english: string;
}

/** What one can try; the names are the service's. */
export const WAYS: readonly Way[] = [
  {
    name: 'double-click',
    title: 'Klik ganda',
    what: 'Dua klik berjarak 5 milidetik, kunci yang sama.',
    english: 'A double click, 5 ms apart, one key.',
  },
  {
    name: 'ten-clicks',
    title: '10 klik',
    what: 'Sepuluh klik berjarak 2 milidetik, kunci yang sama.',
    english: 'Ten clicks, 2 ms apart, one key.',
  },
  {
    name: 'hundred-clicks',
    title: '100 klik',
    what: 'Seratus klik sekaligus, masing-masing dengan kuncinya sendiri: semua pengaman di peramban dimatikan.',
    english: 'A hundred at once, a key each: every guard of the browser is off.',
  },
  {
    name: 'lost-answer',
    title: 'Jawaban hilang',
    what: 'Jaringan putus sebelum jawaban tiba, lalu dicoba lagi dengan kunci yang sama.',
    english: 'The network breaks before the answer; the same key again.',
  },
  {
    name: 'two-tabs',
    title: 'Dua tab',
    what: 'Dua tab menekan pada saat yang sama, masing-masing dengan kuncinya sendiri.',
    english: 'Two tabs at the same moment, a key each.',
  },
  {
    name: 'crash',
    title: 'Server mati',
    what: 'Sebuah server dimatikan paksa di tengah permintaan, dihidupkan lagi, lalu dicoba lagi dengan kunci yang sama.',
    english:
      'A server of the demo’s own is killed under the request, started again, and asked again.',
  },
  {
    name: 'two-servers',
    title: 'Dua server',
    what: 'Permintaan yang sama pada saat yang sama ke dua server, yang berbagi PostgreSQL dan Redis.',
    english: 'The same request at once through two servers on PostgreSQL and Redis.',
  },
  {
    name: 'redis-gone',
    title: 'Redis mati',
    what: 'Redis dimatikan paksa, lalu permintaan yang sama pada saat yang sama ke dua server.',
    english: 'Redis is killed; then the same request at once through two servers.',
  },
];

export interface Guard {
  name: string;
  title: string;
  english: string;
}

/** What can be taken away in the sandbox; the names are the service's. */
export const GUARDS: readonly Guard[] = [
  { name: 'cache', title: 'Cache kunci', english: 'the cache' },
  { name: 'lock', title: 'Lock terdistribusi', english: 'the lock' },
  {
    name: 'database',
    title: 'Penjaga database: indeks unik dan kunci baris',
    english: 'the unique index, and the row lock that alone would be enough',
  },
  { name: 'gateway-key', title: 'Kunci idempotensi di Stripe', english: 'the gateway’s key' },
];

export const STEP_WORDS: Record<StepName, string> = {
  idempotency: '1 cek kunci',
  lock: '2 lock',
  transaction: '3 transaksi',
  cache: '4 cache',
  unlock: '5 buka lock',
};

export const OUTCOME_WORDS: Record<Outcome, string> = {
  created: 'pembayaran dibuat',
  cache: 'ditangkap cache',
  lock: 'ditangkap setelah menunggu lock',
  key: 'ditangkap tabel kunci',
  active: 'ditangkap indeks unik',
  refused: 'ditolak',
  unavailable: 'database tidak terjangkau',
  unknown: 'mati bersama servernya',
};

export const STAGE_WORDS: Record<Stage, string> = {
  postgres: 'Menyiapkan PostgreSQL (1 dari 3)…',
  redis: 'Menyiapkan Redis (2 dari 3)…',
  servers: 'Menyalakan dua server (3 dari 3)…',
  requests: 'Mengirim permintaan, membayar, dan menghitung…',
};

/** Microseconds as milliseconds, as precisely as they are known. */
export function milliseconds(micros: number): string {
  return (micros / 1_000).toLocaleString('id-ID', {
    minimumFractionDigits: 3,
    maximumFractionDigits: 3,
  });
}
