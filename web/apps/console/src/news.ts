import { Live } from './live.js';
import { makeSure } from './session.js';

/** The console's one stream of news. */
export const live = new Live(
  () => new EventSource('/console/api/live'),
  () => void makeSure(),
);
