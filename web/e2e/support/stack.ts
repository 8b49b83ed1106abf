import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, expect } from 'vitest';
import { launchBrowser } from './browser.js';
import { startServer } from './server.js';
import type { Server, ServerOptions } from './server.js';

export interface Stack {
  origin: () => string;
  token: Server['token'];
  /** The lines of the service's log so far. */
  log: () => readonly string[];
  sql: Server['sql'];
  /** A page in a fresh context, as a new visitor has it. */
  newPage: (options?: BrowserContextOptions) => Promise<Page>;
}

/** A server and a browser for the tests of one file. Every page is watched: see `watch`. */
export function useStack(options: ServerOptions = { demo: true }): Stack {
  let server: Server | undefined;
  let browser: Browser | undefined;
  let complaints: string[] = [];

  beforeAll(async () => {
    server = await startServer(options);
    browser = await launchBrowser();
  });
  afterEach(async () => {
    await Promise.all((browser?.contexts() ?? []).map((context) => context.close()));
    const found = complaints;
    complaints = [];
    expect(found, 'complaints of the browser').toEqual([]);
  });
  afterAll(async () => {
    await browser?.close();
    await server?.stop();
  });

  function running(): { server: Server; browser: Browser } {
    if (!server || !browser) throw new Error('the stack is not up');
    return { server, browser };
  }

  return {
    origin: () => running().server.origin,
    token: (user, role) => running().server.token(user, role),
    log: () => running().server.log,
    sql: (statement) => {
      running().server.sql(statement);
    },
    async newPage(contextOptions = {}) {
      const context = await running().browser.newContext({ locale: 'id-ID', ...contextOptions });
      const page = await context.newPage();
      watch(page, running().server.origin, complaints);
      return page;
    },
  };
}

/** No page reaches another origin, breaks the content security policy, or throws. */
function watch(page: Page, origin: string, complaints: string[]): void {
  page.on('request', (request) => {
    if (new URL(request.url()).origin !== origin) complaints.push(`left for ${request.url()}`);
  });
  page.on('console', (message) => {
    if (message.text().includes('Content Security Policy')) complaints.push(message.text());
  });
  page.on('pageerror', (error) => complaints.push(String(error)));
}
