import { describe, expect, it } from 'vitest';
import { SubmitDefaults } from '../../../src/runtime/submit-defaults.js';

describe('the options of a job of a group', () => {
  it('have a restart policy, and leave it to the group how often', () => {
    const { group, restart } = new SubmitDefaults({}).check({ group: 'feeds' });
    expect(group).toBe('feeds');
    expect(restart).toMatchObject({ policy: 'on-failure', maxRestarts: 10_000 });
    expect(new SubmitDefaults({}).check({}).restart).toMatchObject({ policy: 'never', maxRestarts: 10 });
  });

  it('have the policy of the runtime, but not its bound on restarts', () => {
    const defaults = new SubmitDefaults({ restart: { policy: 'always', backOff: '2s', maxRestarts: 3 } });
    const { restart } = defaults.check({ group: 'feeds' });
    expect(restart).toMatchObject({ policy: 'always', backOff: 2_000_000_000, maxRestarts: 10_000 });
  });

  it('keep a bound of their own', () => {
    const { restart } = new SubmitDefaults({}).check({ group: 'feeds', restart: { maxRestarts: 2 } });
    expect(restart).toMatchObject({ policy: 'on-failure', maxRestarts: 2 });
  });

  it('are refused with the policy "never"', () => {
    expect(() => new SubmitDefaults({}).check({ group: 'feeds', restart: { policy: 'never' } })).toThrow(
      'submit.restart.policy: expected "on-failure" or "always" for a job of a group, was "never"',
    );
  });
});
