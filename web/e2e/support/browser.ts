import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { chromium } from 'playwright-core';
import type { Browser } from 'playwright-core';

const NAMES = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];

/** The system's Chromium, with a new profile of its own (Playwright makes and removes it). */
export function launchBrowser(): Promise<Browser> {
  return chromium.launch({
    executablePath: executable(),
    headless: true,
    chromiumSandbox: false,
    // Patients' browsers have this cache, and the way back from Stripe leads through it.
    ignoreDefaultArgs: ['--disable-back-forward-cache'],
    args: [
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  });
}

function executable(): string {
  const given = process.env['SEKALI_CHROMIUM'];
  if (given !== undefined) return given;
  const folders = (process.env['PATH'] ?? '').split(delimiter);
  const found = folders
    .flatMap((folder) => NAMES.map((name) => join(folder, name)))
    .find(existsSync);
  if (found === undefined) {
    throw new Error('The browser tests need Chromium: install it, or set SEKALI_CHROMIUM to it');
  }
  return found;
}
