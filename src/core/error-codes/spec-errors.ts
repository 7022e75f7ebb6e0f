import type { ErrorTexts } from './error-text.js';

/** What is refused before anything is read. */
export const SPEC_ERRORS = {
  SPEC_INVALID: {
    meaning: 'A spec cannot be run as it is, and nothing of it was started.',
    cause:
      'A key or an option that does not exist or has a wrong value, the name of a component that does not exist, an expression with a mistake, a column that no earlier stage makes, a budget or breaker that was not declared, or a file that another job reads or writes.',
    remedy:
      'The message lists the first 20 problems, each with its path, and with line and column where the spec came from a file, and counts the others; `problems` of the error has the first 100. Correct them and check again with `tickloom validate`; `tickloom components` lists the options.',
    retryable: 'no',
  },
  OPTIONS_INVALID: {
    meaning: 'A call or a settings file has options that are not allowed.',
    cause:
      'A setting of the runtime, a budget, a breaker or a checkpoint key out of its range or misspelt; a module of `components` that cannot be used; a number that is `NaN`; a time zone that does not exist.',
    remedy:
      'The message names the section, lists the first 20 problems in it and counts the others; `problems` of the error has the first 100. Correct the values.',
    retryable: 'no',
  },
  EXPRESSION_INVALID: {
    meaning: 'An expression cannot be read, or its types do not fit together.',
    cause:
      'A typing mistake, a column that does not exist, a comparison of a number with a text, or a condition where a number is expected.',
    remedy:
      'A caret in the message marks the place. In a spec, the same text is a problem of `SPEC_INVALID`. `docs/expressions.md` describes the language.',
    retryable: 'no',
  },
  COMPONENT_INVALID: {
    meaning: 'A component cannot be added to the registry.',
    cause:
      'It lacks a part that every component has (such as its kind, name or options), or there is a component of this kind and name already. Of a module of `components`, the same text is a problem of `OPTIONS_INVALID`.',
    remedy: 'Add what the message names, or choose another name.',
    retryable: 'no',
  },
  MODULE_INVALID: {
    meaning: 'A module of yours cannot be used: as the operator that a spec names, or for its components.',
    cause:
      'There is no file or package of that name, it is outside of `moduleFolders`, it is TypeScript and this Node does not load that, it fails, ends its thread or takes too long or too much memory while it loads and plans, it lacks the export, what it exports does not have the shape of an operator or a component, or it has changed since its components were read. Of an installed package: two have a component of this name, it is for another contract, or its `package.json` names what its module does not declare.',
    remedy:
      'For the operator `module`, export what `defineOperator` or `defineRowOperator` returns, and name that export in `export`. For `components` of the settings, let the default export be what `defineComponent` returns, or a list of it (`docs/components.md`). For installed packages, see `docs/providers.md`. While a spec is checked, the same text is a problem of `SPEC_INVALID`, and while settings are, of `OPTIONS_INVALID`.',
    retryable: 'no',
  },
  CALENDAR_RANGE: {
    meaning: 'A calendar was asked for sessions of dates that it does not know.',
    cause: 'The dates lie before or after the range of the calendar, or are no dates `YYYY-MM-DD`.',
    remedy:
      'The message says which dates it knows. For others, write a calendar of your own that extends it (`docs/calendars.md`). What a market is doing at an instant can be asked without an error: it is `unknown` there.',
    retryable: 'no',
  },
  PEER_MISSING: {
    meaning: 'An optional package is needed and is not installed.',
    cause:
      'Batches are converted to or from Arrow, and `apache-arrow` cannot be loaded; or a stage uses PostgreSQL, and `pg` or `pg-copy-streams` cannot; or one uses DuckDB, and `@duckdb/node-api` cannot, or is too old.',
    remedy: 'Install the package with the command that the message gives.',
    retryable: 'no',
  },
} as const satisfies ErrorTexts;
