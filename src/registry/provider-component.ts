import { PipelineError } from '../core/errors.js';
import { describeValue } from '../core/shown-text.js';
import type { Component } from '../engine/component.js';
import type { ProviderDefinition } from '../providers/contract/define-provider.js';
import type { FeedOptions } from '../providers/contract/own-options.js';
import { PROVIDER_CONTRACT } from '../wire/provider-capabilities.js';

/** Whether a value says that it is a provider. It may come from another copy of this package, or from plain JavaScript. */
export const isProvider = (value: unknown): value is ProviderDefinition =>
  (value as { readonly kind?: unknown } | null | undefined)?.kind === 'provider';

const definitions = new WeakMap<object, ProviderDefinition>();

/** What a component was made of; `undefined` if it is not one of a provider. */
export const definitionOf = (component: Component): ProviderDefinition | undefined =>
  definitions.get(component);

/**
 * Makes a provider into the component of a source. The adapter is of this copy of the package, whichever one the
 * provider was declared with, so that batches, buffers and errors are those of the pipeline. Code of providers is imported on demand: most threads have none. So its
 * capabilities are checked when its options are asked for.
 *
 * @throws {PipelineError} `COMPONENT_INVALID` if it is of another contract, or lacks a part. Its `options` throws the
 *   same if its capabilities are none.
 */
export function providerComponent(definition: ProviderDefinition): Component<'source'> {
  const { name, summary, contract, capabilities, loads, mayChange, options, load } = definition;
  const invalid = (problem: string) =>
    new PipelineError('COMPONENT_INVALID', `Provider "${String(name)}": ${problem}`);
  if (contract !== PROVIDER_CONTRACT) {
    throw invalid(
      `expected contract ${PROVIDER_CONTRACT}, the one that this release of Tickloom knows, found ${describeValue(contract)}`,
    );
  }
  if (typeof options !== 'function') throw invalid('expected a function "options" that gives its schema');
  if (typeof load !== 'function') throw invalid('expected a function "load" that gives what makes it');
  const provider = { name, capabilities };
  const component: Component<'source'> = {
    kind: 'source',
    name,
    summary,
    ...(loads !== undefined && { loads }),
    mayChange: [...(mayChange ?? []), 'capture'],
    exactlyOnce: 'by its stages',
    provider: { contract, capabilities },
    runsUserCode: true, // and so its calls have a gate
    async options() {
      const { capabilitiesComplaint } = await import('../providers/contract/capability-check.js');
      const complaint = capabilitiesComplaint(capabilities);
      if (complaint !== undefined) throw invalid(complaint);
      const { providerOptions } = await import('../providers/contract/provider-options.js');
      return providerOptions(provider, await definition.options());
    },
    async load(checked) {
      const { ownOptions } = await import('../providers/contract/own-options.js');
      const factory = await definition.load(ownOptions(checked));
      if (typeof factory !== 'function') {
        throw invalid(
          `expected "load" to give a function that makes the provider, found ${describeValue(factory)}`,
        );
      }
      const { providerSource } = await import('../providers/adapter/provider-source.js');
      const { capture, replay } = checked as FeedOptions; // `providerOptions` has checked them
      if (capture === undefined && replay === undefined) return providerSource(provider, factory);
      const { fromCaptures } = await import('../providers/network/captures/captures.js');
      return providerSource(provider, factory, fromCaptures);
    },
  };
  definitions.set(component, definition);
  return component;
}
