/**
 * A UUID of version 4. `randomUUID` is missing where the page came over plain HTTP from another
 * machine; `getRandomValues` is there too.
 */
export function uuidV4(source: Pick<Crypto, 'getRandomValues'> & Partial<Crypto>): string {
  if (typeof source.randomUUID === 'function') return source.randomUUID();
  const bytes = source.getRandomValues(new Uint8Array(16));
  // RFC 9562, 5.4: version 4 in the upper half of byte 6, variant 10 in the upper bits of byte 8.
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x40;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}
