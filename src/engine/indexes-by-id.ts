/** The index of each symbol in the options by its id; −1 for others. @param ids - Of each symbol, in the column `symbol`. */
export function indexesById(ids: readonly number[]): Int32Array<ArrayBuffer> {
  const indexOf = new Int32Array(Math.max(...ids) + 1).fill(-1);
  for (const [index, id] of ids.entries()) indexOf[id] = index;
  return indexOf;
}
