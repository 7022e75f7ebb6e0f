import { describe, it } from 'vitest';

describe('a socket of the host', () => {
  it.todo('delivers texts and bytes in order, with the instant of receipt');
  it.todo('keeps what comes before anybody listens');
  it.todo('says why it was refused, by the kind of the status and with its pause');
  it.todo('has neither query nor user of its URL in errors');
  it.todo('gives up an opening that takes too long, or is told to');
  it.todo('closes on a message that is too large');
  it.todo('tells its end once, with code and reason, whoever closed');
  it.todo('cuts a connection that does not answer the close');
  it.todo('delivers nothing once it was closed from this side');
  it.todo('makes the supplier wait while it is paused');
  it.todo('answers pings, and tells of pings and pongs');
  it.todo('takes no more to send than its bound');
  it.todo('survives 10,000 fuzzed frames');
});

describe('a request of the host', () => {
  it.todo('gives status, headers and body');
  it.todo('refuses a body that is too large, compressed or not');
  it.todo('follows redirects up to a bound, and takes credentials to no other origin');
  it.todo('gives up without an answer in time, or when it is told to');
  it.todo('has neither query nor user of its URL in errors');
});
