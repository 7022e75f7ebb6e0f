export { findNotPlain, type NotPlain } from '../../wire/not-plain.js';
