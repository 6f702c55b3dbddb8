// What a mix of styles means to the network: weights of its own, and one row for all others.

/** The styles from outside as one, { own, weight, row }, or null: `rows` are those of the last weights. */
export function outsideOf(mix, rows) {
  const own = mix.length - rows.length, weights = mix.slice(own);
  const weight = weights.reduce((sum, value) => sum + value, 0);
  if (!rows.length) return null;
  if (!weight) return { own, weight, row: new Float32Array(rows[0].length) };
  const row = rows[0].map((_, i) => (
    rows.reduce((sum, other, k) => sum + weights[k] * other[i], 0) / weight));
  return { own, weight, row };
}

/** The style input of the network: with one column more where it takes rows. */
export function styleOf(mix, outside, takesRows) {
  const own = outside ? mix.slice(0, outside.own) : mix;
  return takesRows ? Float32Array.from([...own, outside ? outside.weight : 0]) : own;
}
