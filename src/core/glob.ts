import type { FileSystemAdapter } from 'tinyglobby';

/** What globs say here: files alone, and none that are hidden. */
const OPTIONS = { onlyFiles: true, expandDirectories: false, dot: false } as const;

/** Whether a path that names no file is taken for a glob. */
export const looksLikeGlob = (path: string): boolean => /[*?[\]{}!()]/.test(path);

/**
 * The files that a glob names now, relative to the working directory, in no order.
 *
 * @param fs - To watch which directories are looked into.
 */
export async function globFiles(pattern: string, fs: FileSystemAdapter = {}): Promise<string[]> {
  const { glob } = await import('tinyglobby');
  return glob(pattern, { ...OPTIONS, fs });
}

/**
 * Answers whether a glob would name a file if there were one of that path (absolute, with `/`): by
 * showing it a file system with this file and no other.
 */
export async function globMatcher(pattern: string): Promise<(path: string) => boolean> {
  const { globSync } = await import('tinyglobby');
  return (path) => globSync(pattern, { ...OPTIONS, fs: onlyFile(path) }).length > 0;
}

function onlyFile(path: string): FileSystemAdapter {
  const readdirSync = (directory: string) => {
    const prefix = directory.endsWith('/') ? directory : `${directory}/`;
    if (!path.startsWith(prefix)) return [];
    const rest = path.slice(prefix.length);
    const end = rest.indexOf('/');
    const isFile = end < 0;
    return [
      {
        name: isFile ? rest : rest.slice(0, end),
        isFile: () => isFile,
        isDirectory: () => !isFile,
        isSymbolicLink: () => false,
      },
    ];
  };
  // These are the members of a `Dirent` that a glob asks for.
  return { readdirSync: readdirSync as unknown as NonNullable<FileSystemAdapter['readdirSync']> };
}
