import axe from 'axe-core';
import type { Page } from 'playwright-core';

/** What axe finds wrong with the page as it stands, each in one line; evaluated past the page's policy. */
export async function violations(page: Page): Promise<string[]> {
  await page.evaluate(axe.source);
  return page.evaluate(async () => {
    const { axe } = globalThis as unknown as { axe: typeof import('axe-core') };
    const { violations } = await axe.run(document, { resultTypes: ['violations'] });
    return violations.map(
      ({ id, impact, nodes }) =>
        `${id} (${impact ?? 'no impact'}): ${nodes.map(({ html }) => html).join(' ')}`,
    );
  });
}
