/**
 * A UUID of version 4. `randomUUID` is missing where the page came over plain HTTP from another
 * machine; `getRandomValues` is there too.
 */
export function uuidV4(source: Pick<Crypto, 'getRandomValues'> & Partial<Crypto>): string {
  if (source.randomUUID) return source.randomUUID();
  const random = [...source.getRandomValues(new Uint8Array(31))];
  // RFC 9562, 5.4: a 4 for the version, and of the 8 the two upper bits for the variant.
  return '00000000-0000-4000-8000-000000000000'.replace(/[08]/g, (digit) => {
    const bits = (random.pop() ?? 0) & 15;
    return (digit === '8' ? 8 | (bits & 3) : bits).toString(16);
  });
}
