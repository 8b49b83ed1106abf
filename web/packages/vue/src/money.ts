/**
 * Decimals of the currencies that do not have two, after ISO 4217. Never what `Intl` says: it knows how
 * people write a price in shops, and so gives the rupiah none, where the payment has two.
 */
const DECIMALS: ReadonlyMap<string, number> = new Map([
  ...['BIF', 'CLP', 'DJF', 'GNF', 'ISK', 'JPY', 'KMF', 'KRW', 'PYG'].map(having(0)),
  ...['RWF', 'UGX', 'UYI', 'VND', 'VUV', 'XAF', 'XOF', 'XPF'].map(having(0)),
  ...['BHD', 'IQD', 'JOD', 'KWD', 'LYD', 'OMR', 'TND'].map(having(3)),
  ...['CLF', 'UYW'].map(having(4)),
]);

function having(decimals: number): (currency: string) => [string, number] {
  return (currency) => [currency, decimals];
}

/** How many decimals amounts of this currency have. */
export function decimalsOf(currency: string): number {
  return DECIMALS.get(currency.toUpperCase()) ?? 2;
}

/** An amount in whole units of its currency, written for `id-ID`: "Rp 150.000,00", "PHP 5.000,00". */
export function formatAmount(amount: number | string, currency: string): string {
  const code = currency.toUpperCase();
  const digits = decimalsOf(code);
  const number = new Intl.NumberFormat('id-ID', {
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  });
  // A string of digits is formatted exactly, where a number has what a float can hold.
  return `${code === 'IDR' ? 'Rp' : code} ${number.format(amount as Intl.StringNumericLiteral)}`;
}
