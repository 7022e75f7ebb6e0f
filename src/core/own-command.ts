/** How the user invoked this program, so that a hint can be pasted into the shell. */
export function ownCommand(env: NodeJS.ProcessEnv = process.env): string {
  const script = env.npm_lifecycle_event;
  if (script === 'npx') return 'npx tickloom';
  return script === undefined && env.npm_execpath === undefined ? 'tickloom' : 'npm run -s tickloom --';
}

/** Quotes a word for a POSIX shell, if necessary. */
export const shellWord = (text: string): string =>
  /^[\w./:@%+=,-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
