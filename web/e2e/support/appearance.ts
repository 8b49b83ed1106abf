import { fileURLToPath } from 'node:url';
import type { Page } from 'playwright-core';
import { expect } from 'vitest';
import { expectNoViolation } from './axe.js';

const SIZES = {
  desktop: { width: 1280, height: 800 },
  phone: { width: 360, height: 740 },
};

/** Shows the page on a desk and on a phone, by day and by night: axe finds nothing, nothing is cut off, one can look at it. */
export async function holdsInEveryLight(page: Page, name: string): Promise<void> {
  for (const [size, viewport] of Object.entries(SIZES)) {
    await page.setViewportSize(viewport);
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme });
      await expectNoViolation(page, `${name}, ${size}, ${colorScheme}`);
      const path = new URL(`../screenshots/${name}-${size}-${colorScheme}.png`, import.meta.url);
      await page.screenshot({ path: fileURLToPath(path) });
    }
    const width = await page.evaluate(() => document.documentElement.scrollWidth);
    expect(width, `${name} on a ${size}`).toBeLessThanOrEqual(viewport.width);
  }
}

/** The accessible text of what has the focus. */
export function focused(page: Page): Promise<string> {
  return page.evaluate(() => document.activeElement?.textContent.trim() ?? '');
}
