import assert from 'node:assert/strict';
import { test } from 'node:test';
import { configError } from '../helpers.ts';

test('geoip is refused, with why and what to do', () => {
  assert.equal(
    configError('- geoip: { db: /x.mmdb, source: ip, db_type: city }'),
    'stage 1 (geoip), line 1: geoip does not fit here: it needs a database of addresses, and the ' +
      'plugin holds none; remove the stage and look addresses up where the lines arrive, for ' +
      'example in Alloy before Loki',
  );
});

test('eventlogmessage is refused, with why and what to do', () => {
  assert.equal(
    configError('- labels: { a: }\n- eventlogmessage: { source: message }'),
    'stage 2 (eventlogmessage), line 2: eventlogmessage does not fit here: it reads the Windows ' +
      'event log, and containers print none; remove the stage, or use regex or logfmt if a ' +
      'container prints such messages',
  );
});
