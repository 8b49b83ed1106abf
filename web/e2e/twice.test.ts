import { execFile, spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { Page } from 'playwright-core';
import { expect, test } from 'vitest';
import { outcomeOf, waited } from '../apps/demo/src/twice/run.js';
import type { Lane, Outcome, Run, Span, StepName } from '../apps/demo/src/twice/run.js';
import { WAYS } from '../apps/demo/src/twice/words.js';
import { holdsInEveryLight } from './support/appearance.js';
import { Demo } from './support/demo.js';
import { BINARY } from './support/server.js';
import { useStack } from './support/stack.js';

const stack = useStack();

/** Requests of each way, and where its duplicates may be caught. */
const EXPECTED: Record<string, { requests: number; caught: Outcome[] }> = {
  'double-click': { requests: 2, caught: ['cache', 'lock'] },
  'ten-clicks': { requests: 10, caught: ['cache', 'lock'] },
  'hundred-clicks': { requests: 100, caught: ['active'] },
  'lost-answer': { requests: 2, caught: ['cache', 'lock'] },
  'two-tabs': { requests: 2, caught: ['active'] },
  // Killed before its commit, the first request has left nothing that could be caught.
  crash: { requests: 2, caught: ['key', 'created'] },
  'two-servers': { requests: 2, caught: ['cache', 'lock'] },
  'redis-gone': { requests: 2, caught: ['key'] },
};

/** Presses the button of a way, and waits for the run that is then shown. */
async function attempt(page: Page, way: string): Promise<Run> {
  const answer = page.waitForResponse((response) => response.url().endsWith('/demo/runs'));
  await page.locator(`[data-way=${way}]`).click();
  const run = (await (await answer).json()) as Run;
  await page.locator(`[data-run="${run.id}"]`).waitFor({ timeout: 30_000 });
  return run;
}

test('what is started first is told while it goes on, and then the same request has gone through two servers', async () => {
  const { page } = await Demo.open(stack);
  await page.evaluate(() => {
    const told: string[] = [];
    Object.assign(window, { told });
    const status = document.querySelector('.twice [role=status]');
    if (!status) throw new Error('nothing to watch');
    new MutationObserver(() => told.push(status.textContent.trim())).observe(status, {
      childList: true,
      characterData: true,
      subtree: true,
    });
  });
  const { lanes } = await attempt(page, 'two-servers');
  const told = await page.evaluate(() => (window as unknown as { told: string[] }).told);
  expect(told[0]).toBe('Sedang mencoba…');
  expect(told).toContain('Menyiapkan PostgreSQL (1 dari 3)…');
  expect(told.at(-1)).toBe('2 permintaan, satu tagihan.');

  expect(lanes.map(({ press }) => press.server)).toEqual([1, 2]);
  expect(new Set(lanes.map(({ press }) => press.key)).size).toBe(1);
  // Each server has measured its own request.
  expect(lanes.map(({ trace }) => trace?.status).sort()).toEqual([201, 409]);
  expect(await page.locator('table.lanes thead').innerText()).toContain('Server');
});

test('without Redis the database alone catches the second request, and the next run has Redis again', async () => {
  const { page } = await Demo.open(stack);
  const { lanes } = await attempt(page, 'redis-gone');
  expect(lanes.map(outcomeOf).sort()).toEqual(['created', 'key']);
  const again = await attempt(page, 'two-servers');
  expect(['cache', 'lock']).toContain(again.lanes.map(outcomeOf).find((one) => one !== 'created'));
});

test('the page offers every way', async () => {
  const { page } = await Demo.open(stack);
  const ways = await page
    .locator('[data-way]')
    .evaluateAll((all) => all.map((one) => one.getAttribute('data-way')));
  expect(ways).toEqual(Object.keys(EXPECTED));
  // Only where others reach the page, too.
  expect(await page.locator('.phone').count()).toBe(0);
  expect(WAYS.map(({ name }) => name)).toEqual(ways);
});

test.each(Object.entries(EXPECTED))('%s: one charge', async (way, { requests, caught }) => {
  const { page } = await Demo.open(stack);
  const run = await attempt(page, way);

  await page.getByText(`${requests} permintaan, satu tagihan.`).waitFor();
  for (const field of ['charges', 'sessions', 'payments']) {
    expect(await page.locator(`[data-field=${field}]`).innerText(), field).toBe('1');
  }
  expect(run.lanes).toHaveLength(requests);
  const answers = run.lanes.map(({ press }) => press.status).filter((status) => status !== null);
  expect(answers.filter((status) => status === 201).length).toBeLessThanOrEqual(1);
  for (const lane of run.lanes) {
    expect(['created', 'unknown', ...caught]).toContain(outcomeOf(lane));
  }

  // The drawing and the table have a lane each, and what was asked of the database stands below.
  expect(await page.locator('[data-lane]').count()).toBe(requests);
  expect(await page.locator('table.lanes tbody tr').count()).toBe(requests);
  expect(run.books.queries.map(({ holds }) => holds)).toEqual([true, true, true, true]);
  await page.getByText('Empat kueri verifikasi').click();
  expect(await page.locator('.query').count()).toBe(4);
  expect(await page.locator('.query').first().innerText()).toContain('completed');

  // The address shows the same run again.
  const shown = await page.locator('table.lanes').innerText();
  await page.goto(`${stack.origin()}/?run=${run.id}`);
  await page.locator(`[data-run="${run.id}"]`).waitFor();
  expect(await page.locator('table.lanes').innerText()).toBe(shown);
});

interface LogLine {
  at: number;
  message: string;
}

/** What the log says of a request, in microseconds since 1970. */
function logOf(id: string): LogLine[] {
  return stack.log().flatMap((line) => {
    if (!line.includes(`"request_id":"${id}"`)) return [];
    const { timestamp, message } = JSON.parse(line) as { timestamp: string; message: string };
    const fraction = /\.(\d{6})Z$/.exec(timestamp)?.[1] ?? '0';
    const seconds = Date.parse(`${timestamp.slice(0, 19)}Z`) / 1_000;
    return [{ at: seconds * 1_000_000 + Number(fraction), message }];
  });
}

function step({ trace }: Lane, name: StepName): Span {
  const found = trace?.steps.find((one) => one.name === name);
  if (!found) throw new Error(`no step ${name}`);
  return found;
}

/** The clocks of log and trace are read one after the other, on a machine that is busy. */
const APART_MICROS = 1_000;

function expectWithin(at: number | undefined, { from, to }: Span): void {
  expect(at).toBeGreaterThanOrEqual(from - APART_MICROS);
  expect(at).toBeLessThanOrEqual(to + APART_MICROS);
}

test('a double click: the second waits for the first or is answered by its cache entry, as the log says', async () => {
  const { page } = await Demo.open(stack);
  const { lanes } = await attempt(page, 'double-click');
  const [sooner, later] = lanes as [Lane, Lane];
  expect(later.press.sent - sooner.press.sent).toBeGreaterThanOrEqual(5_000);
  // On a machine that is busy the second click can overtake the first one on its way.
  const [first, second] = sooner.press.status === 201 ? [sooner, later] : [later, sooner];
  expect(first.press.status).toBe(201);
  expect(second.press.status).toBe(409);
  expect(second.press.payment).toBe(first.press.payment);

  const saidOf = (lane: Lane) =>
    Object.fromEntries(logOf(lane.press.id).map(({ at, message }) => [message, at]));
  const [one, two] = [saidOf(first), saidOf(second)];
  for (const [lane, said] of [
    [first, one],
    [second, two],
  ] as const) {
    const { begun } = lane.trace ?? { begun: 0 };
    expectWithin(said['Payment: Processing payment'], {
      from: begun,
      to: step(lane, 'idempotency').to,
    });
  }
  expectWithin(one['Payment: New payment created'], step(first, 'transaction'));

  const answeredIn = outcomeOf(second) === 'cache' ? 'idempotency' : 'lock';
  expectWithin(two['Payment: Returning cached response'], step(second, answeredIn));
  expect(step(second, answeredIn).to).toBeGreaterThan(step(first, 'transaction').to);
  expect(second.trace?.steps.some(({ name }) => name === 'transaction')).toBe(false);
  if (answeredIn === 'lock') {
    expect(waited(second)).toBeGreaterThan(0);
    // It waited while the first one worked.
    expect(second.trace?.waits[0]?.from).toBeLessThan(step(first, 'unlock').to);
    const drawn = page.locator(`[data-lane="${lanes.indexOf(second) + 1}"] [data-waits=true]`);
    expect(await drawn.count()).toBeGreaterThan(0);
  }
});

test('the tabs with a key each come through the lock one after the other', async () => {
  const { page } = await Demo.open(stack);
  const { lanes } = await attempt(page, 'two-tabs');
  const winner = lanes.find((lane) => outcomeOf(lane) === 'created');
  const loser = lanes.find((lane) => outcomeOf(lane) === 'active');
  if (!winner || !loser) throw new Error('one wins, and one loses');
  expect(waited(loser)).toBeGreaterThan(0);
  expect(step(loser, 'transaction').from).toBeGreaterThanOrEqual(step(winner, 'transaction').to);
});

test('the answer that is lost belongs to a request that is finished all the same', async () => {
  const { page } = await Demo.open(stack);
  const { lanes } = await attempt(page, 'lost-answer');
  const [lost, again] = lanes as [Lane, Lane];
  expect(lost.press.status).toBeNull();
  expect(outcomeOf(lost)).toBe('created');
  expect(again.press.status).toBe(409);
});

test('the command repeats the run in a shell', async () => {
  const { page } = await Demo.open(stack);
  await attempt(page, 'double-click');
  await page.getByText('Ulangi sendiri').click();
  const command = await page.locator('[data-field=command]').innerText();
  const { stdout } = await promisify(execFile)('bash', ['-c', command]);
  const statuses = [...stdout.matchAll(/→ (\d{3}) in/g)].map(([, status]) => status);
  expect(statuses.sort(), stdout).toEqual(['201', '409']);
});

test.each(['crash', 'redis-gone'])('the command repeats %s, where the demo kills', async (way) => {
  const { page } = await Demo.open(stack);
  await attempt(page, way);
  await page.getByText('Ulangi sendiri').click();
  const command = await page.locator('[data-field=command]').innerText();
  const { stdout } = await promisify(execFile)('bash', ['-c', command]);
  const again = JSON.parse(stdout) as Run;
  expect([again.way, again.lanes.length, again.books.charges]).toEqual([way, 2, 1]);
});

test('a run that the service has forgotten is said to be so', async () => {
  const page = await stack.newPage();
  await page.goto(`${stack.origin()}/?run=none`);
  await page.getByText('Percobaan itu sudah dilupakan').waitFor();
});

test.each(Object.keys(EXPECTED))(
  '%s looks right on a desk and on a phone, by day and by night',
  async (way) => {
    const { page } = await Demo.open(stack);
    await attempt(page, way);
    await holdsInEveryLight(page, `twice-${way}`);
    for (const [size, width] of [
      ['desktop', 1280],
      ['phone', 360],
    ] as const) {
      await page.setViewportSize({ width, height: 900 });
      const path = new URL(`screenshots/twice-${way}-${size}-whole.png`, import.meta.url);
      await page.locator('.twice').screenshot({ path: fileURLToPath(path) });
    }
  },
);

test.each([
  [[], false],
  [['cache'], false],
  [['lock'], false],
  [['cache', 'lock'], false],
  [['database'], true],
  [['gateway-key'], true],
])('the sandbox without %j', async (without, twice) => {
  const { page } = await Demo.open(stack);
  for (const guard of without) await page.locator(`input[value=${guard}]`).uncheck();
  await page.getByRole('button', { name: 'Mulai balapan' }).click();
  const verdict = page.locator('[data-field=races]');
  await verdict.waitFor({ timeout: 50_000 });
  expect(await verdict.innerText()).toContain(twice ? 'membayar dua kali' : 'selalu membayar satu');
  const sandbox = page.locator('.sandbox');
  const charges = Number(await sandbox.locator('[data-field=charges]').innerText());
  expect(charges > 1).toBe(twice);
  expect(await sandbox.locator('[data-lane]').count()).toBe(3);
  // So does its command.
  const command = (await sandbox.locator('[data-field=race-command]').textContent()) ?? '';
  const [program, ...words] = command.split(' ');
  expect(program).toBe('sekali');
  const { stdout, status } = spawnSync(BINARY, words, { encoding: 'utf8' });
  const lines = await sandbox.locator('[data-field=race-lines]').textContent();
  expect(stdout).toContain(lines);
  expect(stdout.trimEnd().endsWith(`${charges} charges`), stdout).toBe(true);
  expect(status).toBe(twice ? 1 : 0);
  // Its address shows the same race again.
  const table = await sandbox.locator('table.lanes').innerText();
  await page.goto(page.url());
  await verdict.waitFor({ timeout: 50_000 });
  expect(await sandbox.locator('table.lanes').innerText()).toBe(table);
  if (!twice) return;
  await holdsInEveryLight(page, `sandbox-${without.join('-')}`);
  const path = new URL(`screenshots/sandbox-${without.join('-')}-whole.png`, import.meta.url);
  await sandbox.screenshot({ path: fileURLToPath(path) });
});
