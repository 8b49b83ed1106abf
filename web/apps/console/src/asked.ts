import { onScopeDispose, shallowRef, watch } from 'vue';
import { CallFailed } from './call.js';
import { language } from './words.js';

const REMEMBERED = 20;

/**
 * What the service says to a question, asked again when the question changes. The last answer stays while
 * the next one is awaited, and when it does not come. `memory`: earlier answers, shown at once on the way back.
 */
export function useAsked<Answer>(
  question: () => string,
  asking: (question: string, signal: AbortSignal) => Promise<Answer>,
  memory = new Map<string, Answer>(),
) {
  const answer = shallowRef<Answer>();
  /** What the answer is to. */
  const answered = shallowRef('');
  const failure = shallowRef<CallFailed>();
  const waiting = shallowRef(false);
  let current: AbortController | undefined;

  async function refresh(): Promise<void> {
    const asked = question();
    const mine = begin();
    try {
      take(await asking(asked, mine.signal), asked, mine);
    } catch (error) {
      if (mine !== current || mine.signal.aborted) return;
      if (!(error instanceof CallFailed)) throw error;
      failure.value = error;
    } finally {
      if (mine === current) waiting.value = false;
    }
  }

  function begin(): AbortController {
    current?.abort();
    current = new AbortController();
    waiting.value = true;
    return current;
  }

  function take(value: Answer, asked: string, mine: AbortController): void {
    if (mine !== current) return;
    show(value, asked);
    memory.delete(asked);
    memory.set(asked, value);
    const [oldest] = memory.keys();
    if (memory.size > REMEMBERED && oldest !== undefined) memory.delete(oldest);
  }

  function show(value: Answer, asked: string): void {
    answer.value = value;
    answered.value = asked;
    failure.value = undefined;
  }

  /** An answer that came on another way; one that is under way is older. */
  function put(value: Answer): void {
    current?.abort();
    current = undefined;
    waiting.value = false;
    show(value, question());
  }

  function recall(): void {
    const known = memory.get(question());
    if (known !== undefined) show(known, question());
    void refresh();
  }

  watch([question, language], recall, { immediate: true });
  onScopeDispose(() => {
    current?.abort();
    current = undefined;
  });

  return { answer, answered, failure, waiting, refresh, put };
}
