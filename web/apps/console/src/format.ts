import type { Language } from './words.js';

/** The zone of every time that the console shows and exports. */
export const ZONE = 'UTC';

const TAGS: Record<Language, string> = { en: 'en-GB', id: 'id-ID' };

const DAY = { day: 'numeric', month: 'short', year: 'numeric' } as const;

function formatter(language: Language, options: Intl.DateTimeFormatOptions) {
  return new Intl.DateTimeFormat(TAGS[language], { timeZone: ZONE, ...options });
}

/** "29 Nov 2026": the day in UTC of a time after RFC 3339. */
export function formatDay(time: string, language: Language): string {
  return formatter(language, DAY).format(new Date(time));
}

/** "14:02:09 UTC". Digits are the same in every language, and are read off the time itself. */
export function formatClock(time: string): string {
  return `${new Date(time).toISOString().slice(11, 19)} ${ZONE}`;
}

/** "29 Nov 2026, 14:02:09 UTC". */
export function formatTime(time: string, language: Language): string {
  return `${formatDay(time, language)}, ${formatClock(time)}`;
}

/** A whole number with its thousands set apart. */
export function formatCount(count: number, language: Language): string {
  return new Intl.NumberFormat(TAGS[language]).format(count);
}

/** A share of one as per cent, with one decimal where it is not whole: "99.4 %". */
export function formatShare(share: number, language: Language): string {
  const percent = new Intl.NumberFormat(TAGS[language], { maximumFractionDigits: 1 });
  return `${percent.format(share * 100)} %`;
}

/** A duration in milliseconds with about three digits: "0.17 ms", "42 ms", "1.2 s". */
export function formatDuration(milliseconds: number, language: Language): string {
  const [value, unit] = milliseconds < 1000 ? [milliseconds, 'ms'] : [milliseconds / 1000, 's'];
  const digits = value >= 100 ? 0 : value >= 10 ? 1 : 2;
  const number = new Intl.NumberFormat(TAGS[language], { maximumFractionDigits: digits });
  return `${number.format(value)} ${unit}`;
}

/** How long ago, in the largest unit that is full: "3 minutes ago". */
export function formatAgo(time: string, now: number, language: Language): string {
  const seconds = Math.max(0, Math.round((now - Date.parse(time)) / 1000));
  const relative = new Intl.RelativeTimeFormat(TAGS[language], { numeric: 'auto' });
  if (seconds < 60) return relative.format(-seconds, 'second');
  if (seconds < 3600) return relative.format(-Math.floor(seconds / 60), 'minute');
  if (seconds < 86_400) return relative.format(-Math.floor(seconds / 3600), 'hour');
  return relative.format(-Math.floor(seconds / 86_400), 'day');
}

/** The start of a hash or an id that is too long to be read as a whole. */
export function shortened(text: string, length = 12): string {
  return text.length > length ? `${text.slice(0, length)}…` : text;
}
