import { type Command, Option } from 'commander';
import { ASSET_CLASSES } from '../wire/provider-capabilities.js';
import { collect, componentsOption, settingsOption } from './common-options.js';
import type { Terminal } from './terminal.js';

/** Adds the commands that tell what a spec can say. @param exit - Called with the exit code. */
export function addReferenceCommands(
  program: Command,
  terminal: Terminal,
  exit: (code: number) => void,
): void {
  program
    .command('components')
    .description('list what a spec can use, with its options')
    .argument('[name]', 'a kind (source, operator, batcher, sink) or the name of a component')
    .option('--json', 'print as JSON, with the JSON Schema of the options')
    .addOption(settingsOption())
    .addOption(componentsOption())
    .action(async (name: string | undefined, options) => {
      const { components } = await import('./commands/components.js');
      exit(await components(name, options, terminal));
    });

  program
    .command('instruments')
    .description('list what can be asked of a provider, or the options on something')
    .argument('<provider>', 'the name of a provider, as `use` of a spec has it')
    .option('--symbols <list>', 'only these, such as BTCUSDT,ETHUSDT')
    .addOption(
      new Option('--asset-class <class>', 'only instruments of this class').choices([...ASSET_CLASSES]),
    )
    .option('--underlying <symbol>', 'list the options on this instead')
    .option('--expiry <day>', 'only options that expire on this day, such as 2024-12-20')
    .addOption(
      new Option('--option <name=value>', 'an option of the provider (repeat for more)')
        .argParser(collect)
        .default([], 'none'),
    )
    .option('--spec <file>', 'take options, budget and breaker from the source of this spec')
    .addOption(settingsOption())
    .addOption(componentsOption())
    .option('--json', 'print as JSON')
    .addHelpText(
      'after',
      '\nA budget and a breaker of the settings that have the name of the provider are applied.\nExit codes: 0 listed; 1 the provider failed, or does not list one of --symbols; 2 wrong usage.\n',
    )
    .action(async (provider: string, options) => {
      const { instruments } = await import('./commands/instruments.js');
      exit(await instruments(provider, options, terminal));
    });

  program
    .command('errors')
    .description('say what the code of an error means, what causes it, and what to do')
    .argument('[code]', 'a code, such as LATE_ROW; without it, all codes are listed')
    .option('--json', 'print as JSON')
    .addOption(new Option('--markdown', 'print all of it as a page of documentation').conflicts('json'))
    .action(async (code: string | undefined, options) => {
      const { errors } = await import('./commands/errors.js');
      exit(await errors(code, options, terminal));
    });

  program
    .command('calendar')
    .description('list trading calendars, print what a market is doing at an instant, or its sessions')
    .argument('[name]', 'the name of a calendar, or a file with one (YAML, JSON); without it, all are listed')
    .option(
      '--at <time>',
      'the instant, such as 2026-11-27T14:00 on the clock of the calendar; now by default',
    )
    .option('--from <date>', 'print sessions, from this trade date on')
    .option('--to <date>', 'last trade date; of two weeks by default')
    .addOption(
      new Option('--hours <hours>', 'which hours count as open')
        .choices(['regular', 'extended'])
        .default('regular'),
    )
    .option('--json', 'print as JSON')
    .addHelpText('after', '\nExit codes: 0 printed, 2 wrong file or usage.\n')
    .action(async (name: string | undefined, options) => {
      const { calendar } = await import('./commands/calendar.js');
      exit(await calendar(name, options, terminal));
    });

  program
    .command('schema')
    .description('print the JSON Schema of a spec, for editors')
    .addOption(settingsOption())
    .addOption(componentsOption())
    .action(async (options) => {
      const { schema } = await import('./commands/schema.js');
      exit(await schema(options, terminal));
    });
}
