/** An operator that fails with its key in the message. */
export default {
  plan: (_options, input) => input,
  create: ({ apiKey }, input) => ({
    output: input,
    process() {
      throw new Error(`refused: ${apiKey}`);
    },
  }),
};
