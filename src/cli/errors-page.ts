import { ERROR_GROUPS } from '../core/error-codes/error-codes.js';

const INTRODUCTION = `# Errors

<!-- Made by \`tickloom errors --markdown\` from src/core/error-codes. Change the text there. -->

Every error that a caller may handle has a \`code\`: \`error.code\` of a \`RuntimeError\`, \`error.code\` in the report of a job, and the word in brackets behind a message on the command line. Branch on the code; messages are for people and may change. \`tickloom errors CODE\` prints what stands here.

*Retryable* says whether the same call may succeed later with nothing changed. Errors carry it as \`retryable\`; where it depends, ask the error.
`;

/** All codes as Markdown: `docs/errors.md`. */
export function errorsPage(): string {
  const rows = ERROR_GROUPS.map(({ title, codes }) => {
    const links = Object.keys(codes).map((code) => `[\`${code}\`](#${code.toLowerCase()})`);
    return `| ${title} | ${links.join(', ')} |\n`;
  });
  const sections = ERROR_GROUPS.map(({ title, codes }) => {
    const entries = Object.entries(codes).map(
      ([code, { meaning, cause, remedy, retryable }]) =>
        `### ${code}\n\n${meaning}\n\n- **Cause.** ${cause}\n- **Remedy.** ${remedy}\n- **Retryable:** ${retryable}.\n`,
    );
    return `\n## ${title}\n\n${entries.join('\n')}`;
  });
  return `${INTRODUCTION}\n| about | codes |\n| --- | --- |\n${rows.join('')}${sections.join('')}`;
}
