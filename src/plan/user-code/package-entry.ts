/** Splits `@scope/name/sub/path` into `@scope/name` and `./sub/path`. */
export function splitSpecifier(specifier: string): { readonly name: string; readonly subpath: string } {
  const parts = specifier.split('/');
  const name = parts.splice(0, specifier.startsWith('@') ? 2 : 1).join('/');
  return { name, subpath: ['.', ...parts].join('/') };
}

/** The conditions that Node's `import` sets. */
const CONDITIONS: ReadonlySet<string> = new Set(['node', 'import', 'module-sync', 'default']);

/**
 * Returns the file that a package exports for `import`, according to "exports" in its `package.json`.
 * Supports names and conditions, but no patterns. It is for packages that `require` does not find; those
 * have "exports".
 */
export function packageEntry(packageJson: string, subpath: string): string | undefined {
  let exports: unknown;
  try {
    ({ exports } = JSON.parse(packageJson) as { readonly exports?: unknown });
  } catch {
    return undefined;
  }
  if (!isObject(exports) || !Object.keys(exports).some((key) => key.startsWith('.'))) {
    return subpath === '.' ? targetOf(exports) : undefined;
  }
  return targetOf(exports[subpath]);
}

function targetOf(target: unknown): string | undefined {
  if (typeof target === 'string') return target.startsWith('./') ? target : undefined;
  if (Array.isArray(target)) return targetOf(target[0]);
  if (!isObject(target)) return undefined;
  for (const [condition, inner] of Object.entries(target)) {
    if (!CONDITIONS.has(condition)) continue;
    const found = targetOf(inner);
    if (found !== undefined) return found;
  }
  return undefined;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
