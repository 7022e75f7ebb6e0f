/**
 * Writes the tables of options into the pages, from the schemas of the sources: `node .ci/option-tables.mjs`.
 * With `--check` it only says whether they are up to date. A table stands between two marks:
 *
 *   <!-- options: bars -->  …  <!-- /options -->
 *
 * A mark names a component (with its kind, if several have the name: `sink topic`), or one of `SCHEMAS`; `synthetic.faults` is the options within one of its options.
 * Every component's options must stand in some table.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { z } from 'zod';
import { loadSources } from './load-source.mjs';

const PAGES = [
  'docs/spec.md',
  'docs/cli.md',
  'docs/rate.md',
  'docs/breaker.md',
  'docs/binance.md',
  'docs/databases.md',
  'docs/jobs.md',
  'docs/restarts.md',
];

const [
  { builtIn },
  { FEED_KEYS },
  { optionFacts },
  spec,
  source,
  settings,
  limits,
  groups,
  submit,
  terms,
  schedule,
  scheduling,
  budget,
  rates,
  breaker,
] = await loadSources([
  'src/registry/built-in.ts',
  'src/providers/contract/own-options.ts',
  'src/settings/option-facts.ts',
  'src/plan/pipeline-spec.ts',
  'src/plan/source-front-options.ts',
  'src/cli/load-settings.ts',
  'src/settings/job-limits.ts',
  'src/settings/group-settings.ts',
  'src/service/submit-options.ts',
  'src/settings/job-terms.ts',
  'src/service/schedules/schedule-options.ts',
  'src/service/schedules/schedule-settings.ts',
  'src/resilience/rate/budget-options.ts',
  'src/resilience/rate/rate-settings.ts',
  'src/resilience/breaker/breaker-options.ts',
]);

/** What is no component, by the name that marks give it. */
const SCHEMAS = {
  'a spec': spec.PipelineSpec,
  'a source': source.SourceFrontOptions,
  settings: settings.FileSettings,
  'limits of jobs': limits.JobLimits,
  'a submit': submit.SubmitOptions,
  'a group': groups.GroupSettings,
  'a dependency': terms.JobDependencyOptions,
  'a slice': submit.SliceOptions,
  'cron schedule': schedule.CronSchedule,
  'interval schedule': schedule.IntervalSchedule,
  'session schedule': schedule.SessionSchedule,
  scheduling: scheduling.ScheduleOptions,
  'a budget': budget.BudgetOptions,
  'the table of budgets': rates.RateTableSettings,
  'a breaker': breaker.BreakerOptions,
};

const problems = [];
const tables = new Map();
const all = builtIn.all();
for (const component of all) {
  const { kind, name } = component;
  const isAlone = all.filter((other) => other.name === name).length === 1;
  const schema = jsonSchemaOf(await component.options());
  addTables(isAlone ? name : `${kind} ${name}`, component.provider ? ownOf(schema) : schema);
}
const components = [...tables.keys()];
for (const [name, schema] of Object.entries(SCHEMAS)) {
  addTables(name, jsonSchemaOf(schema));
}

function jsonSchemaOf(schema) {
  const params = { io: 'input', unrepresentable: 'any' };
  // The options of a source that is made of a provider are no schema of Zod, but have the method of one.
  return '_zod' in schema ? z.toJSONSchema(schema, params) : schema.toJSONSchema(params);
}

/** Of a provider: without the options of every provider, which have a table in docs/providers.md. */
function ownOf(schema) {
  const own = Object.entries(schema.properties).filter(([name]) => !FEED_KEYS.includes(name));
  return { ...schema, properties: Object.fromEntries(own) };
}

/** One for the options of a mapping, and one for each mapping within. */
function addTables(name, schema) {
  const options = optionFacts(schema);
  if (options.length > 0) tables.set(name, tableOf(name, options));
  for (const option of options) if (option.inner) addTables(`${name}.${option.name}`, option.inner);
}

function tableOf(name, options) {
  const rows = options.map((option) => {
    if (option.text === undefined) problems.push(`${name}: "${option.name}" has no text: add .describe(…)`);
    const preset = option.isRequired ? 'required' : presetText(option.default);
    return [code(option.name), takesText(option.takes), preset, option.text ?? ''];
  });
  return [['option', 'takes', 'default', 'meaning'], ['---', '---', '---', '---'], ...rows]
    .map((row) => `| ${row.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`)
    .join('\n');
}

function takesText(takes) {
  const isValue = (one) => one.startsWith('"');
  const words = takes.map((one) => one.replace(/"((?:[^"\\]|\\.)*)"/g, (_, value) => code(value)));
  return words.join(takes.every(isValue) ? ', ' : ' or ');
}

function presetText(value) {
  if (value === undefined || (typeof value === 'object' && Object.keys(value).length === 0)) return '';
  return code(typeof value === 'string' ? value : JSON.stringify(value));
}

function code(text) {
  return `\`${text}\``;
}

const used = new Set();
const MARKED = /(<!-- options: (.+?) -->\n)([\s\S]*?)(\n<!-- \/options -->)/g;
const pages = PAGES.map((path) => {
  const before = readFileSync(path, 'utf8');
  const after = before.replace(MARKED, (_, begin, name, _old, end) => {
    const table = tables.get(name);
    if (table === undefined)
      problems.push(`${path}: there are no options "${name}" (${[...tables.keys()].join(', ')})`);
    used.add(table);
    return `${begin}${table}${end}`;
  });
  return { path, before, after };
});
for (const name of components) {
  if (!used.has(tables.get(name))) problems.push(`no page has the options of "${name}": add its marks`);
}

const isCheck = process.argv.includes('--check');
for (const { path, before, after } of pages) {
  if (before === after || problems.length > 0) continue;
  if (isCheck)
    problems.push(`${path}: tables of options are not as the schemas say: run node .ci/option-tables.mjs`);
  else writeFileSync(path, after);
}
for (const problem of problems) console.error(problem);
process.exitCode = problems.length === 0 ? 0 : 1;
