type Path = readonly (string | number)[];

/** Returns a copy of options without the values at these paths. */
export function withoutOptions(options: unknown, paths: readonly Path[]): unknown {
  if (paths.length === 0 || typeof options !== 'object' || options === null) return options;
  const here = new Set(paths.filter((path) => path.length === 1).map(([key]) => String(key)));
  const entries = Object.entries(options)
    .filter(([key]) => !here.has(key))
    .map(([key, value]) => {
      const within = paths.filter((path) => path.length > 1 && String(path[0]) === key);
      return [
        key,
        withoutOptions(
          value,
          within.map((path) => path.slice(1)),
        ),
      ] as const;
    });
  return Array.isArray(options) ? entries.map(([, value]) => value) : Object.fromEntries(entries);
}
