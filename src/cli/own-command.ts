/** How the one at the keyboard calls this program, so that a hint can be pasted. */
export function ownCommand(env: NodeJS.ProcessEnv = process.env): string {
  const script = env.npm_lifecycle_event;
  if (script === 'npx') return 'npx tickloom';
  return script === undefined && env.npm_execpath === undefined ? 'tickloom' : 'npm run -s tickloom --';
}

/** A word that a POSIX shell takes as it is. */
export const shellWord = (text: string): string =>
  /^[\w./:@%+=,-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
