import { nextTick } from 'vue';
import { beforeEach, describe, expect, test } from 'vitest';
import App from '../src/App.vue';
import { seenPages } from '../src/list.js';
import RefundDialog from '../src/parts/RefundDialog.vue';
import SignIn from '../src/parts/SignIn.vue';
import TroubleNote from '../src/parts/TroubleNote.vue';
import { session } from '../src/session.js';
import { language, speak, words } from '../src/words.js';
import { list, money, mount, page, row, service, settled } from './support.js';

const SESSION = { user_id: 7, role: 'admin', signed_in_at: '', expires_at: '' };
const signedIn = { 'GET /session': [{ body: SESSION }] };

/** happy-dom has none, and nothing is told here. */
class Silent {
  readyState = 0;
  addEventListener(): void {
    // Nothing is told.
  }
  close(): void {
    // Nothing is open.
  }
}

beforeEach(() => {
  globalThis.EventSource = Silent as unknown as typeof EventSource;
  window.history.replaceState(null, '', '/console');
  window.dispatchEvent(new Event('popstate'));
  session.value = { kind: 'checking' };
  seenPages.clear();
  speak('en');
});

async function opened(address: string, answers: Parameters<typeof service>[0]) {
  const asked = service({ ...signedIn, ...answers });
  const shown = mount(App);
  window.history.replaceState(null, '', address);
  window.dispatchEvent(new Event('popstate'));
  await settled();
  await settled();
  return { ...shown, asked };
}

describe('signing in', () => {
  test('the token goes to the service once, and stays nowhere here', async () => {
    const asked = service({ 'POST /session': [{ body: SESSION }] });
    const { must, fill, submit } = mount(SignIn, { why: 'new' });
    await fill('#token', '  Bearer ey.J.x \n');
    await submit();
    expect(asked).toHaveLength(1);
    expect(asked[0]?.body).toEqual({ token: 'Bearer ey.J.x' });
    expect(asked[0]?.headers.get('X-Sekali-Console')).toBe('1');
    expect(session.value).toEqual({ kind: 'in', session: SESSION });
    expect((must('#token') as HTMLInputElement).value).toBe('');
    expect(JSON.stringify([localStorage, sessionStorage])).not.toContain('ey.J.x');
  });

  test.each([
    [401, () => words.value.signIn.wrong],
    [403, () => words.value.signIn.role],
    [429, () => words.value.trouble.limited],
    [503, () => words.value.trouble.busy],
  ])('a refusal with %d is said in words, and the token is gone', async (status, said) => {
    service({ 'POST /session': [{ status }] });
    const { must, fill, submit, text } = mount(SignIn, { why: 'new' });
    await fill('#token', 'ey.J.x');
    await submit();
    expect(text()).toContain(said());
    expect((must('#token') as HTMLInputElement).value).toBe('');
    expect(must('#token').getAttribute('aria-invalid')).toBe('true');
  });

  test('nothing pasted, nothing sent', async () => {
    const asked = service({});
    const { submit, text } = mount(SignIn, { why: 'ended' });
    expect(text()).toContain(words.value.signIn.ended);
    await submit();
    expect(text()).toContain(words.value.signIn.missing);
    expect(asked).toEqual([]);
  });

  test('without a session the address stays, and a session that ends says so', async () => {
    const { text } = await opened('/console/payments/100', {
      'GET /payments/100': [{ body: page(100, []) }, { status: 401 }],
    });
    expect(text()).toContain('Payment 100');
    speak('id');
    await settled();
    expect(text()).toContain(words.value.signIn.ended);
    expect(window.location.pathname).toBe('/console/payments/100');
  });

  test('a service that is out of reach is not a missing session', async () => {
    const { text } = await opened('/console', { 'GET /session': [] });
    expect(text()).toContain(words.value.trouble.offline);
  });
});

describe('the list', () => {
  test('has words for each kind of emptiness', async () => {
    const empty = [{ body: list([]) }];
    const all = await opened('/console', { 'GET /payments?limit=25': empty });
    expect(all.text()).toContain(words.value.list.none);
    const found = await opened('/console?q=x', { 'GET /payments?q=x&limit=25': empty });
    expect(found.text()).toContain(words.value.list.noneFound('x'));
    const filtered = await opened('/console?min=1', { 'GET /payments?min=1&limit=25': empty });
    expect(filtered.text()).toContain(words.value.list.noneFiltered);
  });

  test('what it cannot ask for keeps what it shows', async () => {
    const shown = await opened('/console', {
      'GET /payments?limit=25': [
        { body: list([100]) },
        { status: 503, body: { request_id: 'r-1' } },
      ],
    });
    speak('id');
    await settled();
    expect(shown.text()).toContain(words.value.trouble.busy);
    expect(shown.text()).toContain('r-1');
    expect(shown.host.querySelectorAll('tbody tr')).toHaveLength(1);
  });

  test('asks in the language that was chosen', async () => {
    const { asked } = await opened('/console', { 'GET /payments?limit=25': [{ body: list([]) }] });
    speak('id');
    await settled();
    const languages = asked
      .filter(({ path }) => path.startsWith('/payments'))
      .map(({ headers }) => headers.get('Accept-Language'));
    expect(languages).toEqual(['en', 'id']);
    expect([language.value, document.documentElement.lang]).toEqual(['id', 'id']);
  });

  test('one payment that was looked for by hand opens; on the way back the list stays', async () => {
    const { fill, submit, text } = await opened('/console', {
      'GET /payments?limit=25': [{ body: list([100, 99]) }],
      'GET /payments?q=INV-1&limit=25': [{ body: list([99]) }],
      'GET /payments/99': [{ body: page(99, []) }],
    });
    await fill('#q', ' INV-1 ');
    await submit('form.search');
    await settled();
    expect(window.location.pathname).toBe('/console/payments/99');
    expect(text()).toContain('Payment 99');
    window.history.replaceState(null, '', '/console?q=INV-1');
    window.dispatchEvent(new Event('popstate'));
    await settled();
    expect(window.location.pathname).toBe('/console');
    expect(text()).toContain(words.value.list.found('INV-1'));
  });
});

describe('a payment', () => {
  test('that is not there leads on to a search for the number', async () => {
    const { text, must } = await opened('/console/payments/7', {
      'GET /payments/7': [{ status: 404 }],
    });
    expect(text()).toContain(words.value.payment.notFound(7));
    expect(must('main .button[href]').getAttribute('href')).toBe('/console?q=7');
  });
});

describe('a refund', () => {
  const AT = 'POST /payments/100/refund';

  function asking(answers: { status?: number; body?: unknown }[]) {
    const asked = service({ [AT]: answers });
    const shown = mount(RefundDialog, { payment: row(100), remaining: money('5000.00') });
    return { asked, ...shown };
  }

  test('is sent again under its key while it is unclear what became of it', async () => {
    const done = { outcome: 'made', payment_page: page(100, []) };
    const { asked, submit, text, must } = asking([
      { status: 503 },
      { status: 500 },
      { body: done },
    ]);
    await submit();
    expect(text()).toContain(words.value.act.unclear);
    // What was asked for stays: another amount under the same key would be another wish.
    expect(must('fieldset').hasAttribute('disabled')).toBe(true);
    await submit();
    await submit();
    const bodies = asked.map(({ body }) => body as { key: string; remaining: string });
    expect(new Set(bodies.map(({ key }) => key)).size).toBe(1);
    expect(bodies[0]).toEqual({ key: bodies[0]?.key, remaining: '5000.00' });
  });

  test('of a part needs an amount that can be read', async () => {
    const { asked, must, fill, submit, text } = asking([
      { status: 422, body: { errors: { amount: ['Too much.'] } } },
    ]);
    const part = must('input[type=radio]:not(:checked)') as HTMLInputElement;
    part.checked = true;
    part.dispatchEvent(new Event('change'));
    await nextTick();
    await fill('#refund-amount', '5.000,00');
    await submit();
    expect(asked).toEqual([]);
    expect(text()).toContain(words.value.list.notAmount);
    await fill('#refund-amount', '9000');
    await submit();
    expect(asked[0]?.body).toMatchObject({ amount: '9000', remaining: '5000.00' });
    expect(text()).toContain('Too much.');
  });

  test('by which somebody was faster says who, how much and when, and cannot be sent any more', async () => {
    const problem = {
      type: 'http://localhost/problems/changed-meanwhile',
      remaining: money('4000.00'),
      latest: {
        by: 8,
        origin: 'operator',
        at: '2026-11-29T14:03:00Z',
        amount: money('1000.00'),
        state: 'succeeded',
        reason: null,
      },
    };
    const { host, submit, text } = asking([{ status: 409, body: problem }]);
    await submit();
    expect(text()).toContain(
      'operator 8 was faster, with PHP 1000,00 on 29 Nov 2026, 14:03:00 UTC',
    );
    expect(text()).toContain('PHP 4000,00 remains now.');
    expect(host.querySelector('[data-yes]')).toBeNull();
  });
});

test('trouble says what the service says, and which request it was', () => {
  const problem = { message: 'Not allowed.', detail: 'Parameter from.', request_id: 'r-9' };
  const { text } = mount(TroubleNote, { status: 400, problem });
  expect(text()).toContain('Not allowed. Parameter from.');
  expect(text()).toContain('r-9');
});
