import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { builtIn } from '../../src/registry/built-in.js';
import { outputBranch } from '../../src/settings/branch-options.js';
import { durationNs } from '../../src/settings/duration.js';
import { inputSource } from '../../src/settings/input-options.js';
import { jsonSchemaOf as ownJsonSchemaOf } from '../../src/settings/json-schema-of.js';
import { type OptionSchema, optionFacts } from '../../src/settings/option-facts.js';

const jsonSchemaOf = (schema: z.ZodType) =>
  z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }) as OptionSchema;
const factsOf = (schema: z.ZodType) => optionFacts(jsonSchemaOf(schema));

describe('what is said of an option', () => {
  const takes = (schema: z.ZodType) => factsOf(z.strictObject({ it: schema }))[0]?.takes;

  it('has its bounds, and not those that all whole numbers have', () => {
    expect(takes(z.int().min(1).max(65_536))).toEqual(['integer 1 to 65,536']);
    expect(takes(z.int().min(1))).toEqual(['integer from 1']);
    expect(takes(z.int())).toEqual(['integer']);
    expect(takes(z.number().gt(0).max(1))).toEqual(['number above 0, up to 1']);
    expect(takes(z.number().max(0.5))).toEqual(['number up to 0.5']);
    expect(takes(durationNs({ min: '10us', max: '30d' }).optional())).toEqual(['duration 10us to 30d']);
    expect(takes(z.array(z.string()).max(8))).toEqual(['list of up to 8: string']);
  });

  it('has each alternative once', () => {
    const either = z.union([z.literal('max'), z.number(), z.string().min(1), z.string()]);
    expect(takes(either)).toEqual(['"max"', 'number', 'string']);
  });

  it('has the default as it is written, not what it becomes', () => {
    const [option] = factsOf(z.strictObject({ per: durationNs({ min: '1ms', max: '1d' }).prefault('1s') }));
    expect(option).toMatchObject({ default: '1s', isRequired: false });
  });

  it('names the stages that it holds, and of a branch the keys besides those of its sink', () => {
    const [many] = factsOf(z.strictObject({ all: z.array(outputBranch({ when: z.string() })).max(64) }));
    expect(many!.takes).toEqual(['list of up to 64: sink with its operators, batcher and queue']);
    const keys = optionFacts(many!.inner!).map(({ name }) => name);
    expect(keys).toEqual(['use', 'name', 'operators', 'batcher', 'queue', 'when']);
    const [side] = factsOf(z.strictObject({ with: inputSource() }));
    expect(side).toMatchObject({ takes: ['source'], inner: undefined });
  });

  it('finds the options within, in a list, under names and beside a short form', () => {
    const Inner = z.strictObject({ from: z.string().describe('Where it stands') });
    for (const schema of [
      z.array(Inner),
      z.record(z.string(), z.union([z.string(), Inner])),
      Inner.optional(),
    ]) {
      const [option] = factsOf(z.strictObject({ outer: schema }));
      expect(optionFacts(option!.inner!)).toMatchObject([{ name: 'from', text: 'Where it stands' }]);
    }
  });
});

describe('each option of a component that comes with the package', () => {
  it.each(builtIn.all().map((component) => [component.name, component] as const))(
    'says what it means and ends without a full stop: %s',
    async (_, component) => {
      const check = (schema: OptionSchema): void => {
        for (const { name, text, inner } of optionFacts(schema)) {
          expect([name, text]).toEqual([name, expect.stringMatching(/^[A-Z`].*[^.]$/s)]);
          if (inner) check(inner);
        }
      };
      check(ownJsonSchemaOf(await component.options()) as OptionSchema);
    },
  );
});
