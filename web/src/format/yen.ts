/** `¥1,200`, `−¥300`: the same half-width yen sign in both languages. @param amount integer yen. */
export function formatYen(amount: number): string {
  const digits = Math.abs(amount).toLocaleString('en-US');
  return `${amount < 0 ? '−' : ''}¥${digits}`;
}
