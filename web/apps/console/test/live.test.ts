import { effectScope } from 'vue';
import { beforeEach, describe, expect, test, vi } from 'vitest';
import { Live } from '../src/live.js';
import type { News, Source } from '../src/live.js';

/** A stream of which the test is the service. */
class Stream implements Source {
  readyState = 0;
  closed = false;
  readonly #heard = new Map<string, ((event: Event) => void)[]>();

  addEventListener(name: string, listener: unknown): void {
    const known = this.#heard.get(name) ?? [];
    this.#heard.set(name, [...known, listener as (event: Event) => void]);
  }

  close(): void {
    this.closed = true;
  }

  say(name: string, data: unknown = {}): void {
    const event = Object.assign(new Event(name), { data: JSON.stringify(data) });
    for (const listener of this.#heard.get(name) ?? []) listener(event);
  }

  break(readyState: number): void {
    this.readyState = readyState;
    for (const listener of this.#heard.get('error') ?? []) listener(new Event('error'));
  }
}

const CONNECTING = 0;
const CLOSED = 2;

function started() {
  const streams: Stream[] = [];
  const doubted = vi.fn<() => void>();
  const live = new Live(() => {
    const stream = new Stream();
    streams.push(stream);
    return stream;
  }, doubted);
  const news: News[] = [];
  const scope = effectScope();
  scope.run(() => {
    live.follow((one) => news.push(one));
  });
  live.start();
  const last = () => {
    const stream = streams.at(-1);
    if (!stream) throw new Error('not connected');
    return stream;
  };
  return { live, streams, last, news, doubted, scope };
}

beforeEach(() => {
  vi.useFakeTimers();
  return () => vi.useRealTimers();
});

describe('the stream of news', () => {
  test('tells what the service tells, until its view is gone', () => {
    const { live, last, news, scope } = started();
    expect(live.state.value.kind).toBe('connecting');
    last().say('hello');
    expect(live.state.value.kind).toBe('live');
    last().say('payments', { ids: [100, 101], more: false });
    last().say('health', {});
    expect(news).toEqual([{ kind: 'payments', ids: [100, 101], all: false }, { kind: 'health' }]);
    scope.stop();
    last().say('health', {});
    expect(news).toHaveLength(2);
  });

  test('says since when it is cut, asks by itself meanwhile, and catches up afterwards', () => {
    vi.setSystemTime('2026-11-29T14:02:09Z');
    const { live, last, news, streams } = started();
    last().say('hello');
    last().break(CONNECTING);
    expect(live.state.value).toEqual({ kind: 'cut', since: '2026-11-29T14:02:09.000Z' });
    vi.advanceTimersByTime(20_000);
    expect(news).toEqual([{ kind: 'again' }, { kind: 'again' }]);
    last().break(CONNECTING);
    expect(live.state.value).toMatchObject({ since: '2026-11-29T14:02:09.000Z' });
    last().say('hello');
    expect(live.state.value.kind).toBe('live');
    expect(news).toHaveLength(3);
    vi.advanceTimersByTime(60_000);
    expect(news).toHaveLength(3);
    expect(streams).toHaveLength(1);
  });

  test('one that was refused is opened again, more and more seldom, and the session is asked about', () => {
    const { last, streams, doubted } = started();
    for (const wait of [3_000, 6_000, 12_000, 30_000, 30_000]) {
      last().break(CLOSED);
      vi.advanceTimersByTime(wait - 1);
      const before = streams.length;
      vi.advanceTimersByTime(1);
      expect(streams).toHaveLength(before + 1);
    }
    expect(doubted).toHaveBeenCalledTimes(5);
  });

  test('ends with the session, and does not come back by itself', () => {
    const { last, streams, doubted } = started();
    last().say('hello');
    const stream = last();
    stream.say('end', { reason: 'session' });
    expect(stream.closed).toBe(true);
    expect(doubted).toHaveBeenCalledOnce();
    vi.advanceTimersByTime(120_000);
    expect(streams).toHaveLength(1);
  });

  test('rests while nobody looks, and has what was missed asked for afterwards', () => {
    const { live, last, news, streams } = started();
    last().say('hello');
    live.rest();
    expect(last().closed).toBe(true);
    vi.advanceTimersByTime(120_000);
    expect([streams.length, news.length]).toEqual([1, 0]);
    live.wake();
    expect(streams).toHaveLength(2);
    last().say('hello');
    expect(news).toEqual([{ kind: 'again' }]);
  });

  test('a server that stops is not the end', () => {
    const { last, streams } = started();
    last().say('hello');
    last().say('end', { reason: 'stopping' });
    expect(last().closed).toBe(false);
    expect(streams).toHaveLength(1);
  });

  test('news that cannot be read are news all the same', () => {
    const { last, news } = started();
    last().say('hello');
    last().say('payments', 'nonsense');
    expect(news).toEqual([{ kind: 'payments', ids: [], all: false }]);
  });
});
