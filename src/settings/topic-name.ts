import { z } from 'zod';

const name = 'expected 1 to 100 letters, digits, ".", "_" or "-", the first a letter or digit';

/** The name of a topic. */
export const TopicName = z.string(name).regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/, name);
