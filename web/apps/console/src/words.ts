import { computed, shallowRef, watchEffect } from 'vue';
import { en } from './words/en.js';
import { id } from './words/id.js';
import type { Messages } from './words/en.js';

export type Language = 'en' | 'id';

const CATALOGUES: Record<Language, Messages> = { en, id };
const ITEM = 'sekali:console-language';

/** The language of the console, and of what the service is asked in. */
export const language = shallowRef<Language>(preferred());

/** The words of that language. */
export const words = computed(() => CATALOGUES[language.value]);

export function speak(wanted: Language): void {
  language.value = wanted;
  try {
    localStorage.setItem(ITEM, wanted);
  } catch {
    // Without storage the next visit begins with the browser's language again.
  }
}

watchEffect(() => {
  document.documentElement.lang = language.value;
});

/** What was chosen here before; else Indonesian for whose browser asks for it first, and English. */
function preferred(): Language {
  const chosen = stored();
  if (chosen === 'en' || chosen === 'id') return chosen;
  return /^(id|in)\b/i.test(navigator.language) ? 'id' : 'en';
}

function stored(): string | null {
  try {
    return localStorage.getItem(ITEM);
  } catch {
    return null;
  }
}

/** A word of the service's in the operator's language; one that this version does not know stays as it is. */
export function wordFor(catalogue: Record<string, string>, word: string): string {
  return catalogue[word] ?? word.replaceAll('_', ' ');
}
