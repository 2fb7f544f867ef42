import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { detectLevel } from '../../src/pipeline/level.ts';

function levelOf(line: string): string {
  const bytes = Buffer.from(`??${line}ERROR`);
  return detectLevel(bytes, 2, bytes.length - 5);
}

function assertLevels(rows: Readonly<Record<string, string>>): void {
  for (const [line, level] of Object.entries(rows)) assert.equal(levelOf(line), level, line);
}

test('a level is found in a field of a JSON object, as a word or as a number of pino', () => {
  assertLevels({
    '{"level":"info","msg":"x"}': 'info',
    '  { "msg" : "a \\" level" , "LVL" : "WARN" }': 'warn',
    '{"severity":"ERROR"}': 'error',
    '{"loglevel":"Critical"}': 'critical',
    '{"log.level":"debug"}': 'debug',
    '{"level":10}': 'trace',
    '{"level":20}': 'debug',
    '{"level":30,"time":1}': 'info',
    '{"level":"40"}': 'warn',
    '{"level":50}': 'error',
    '{"level":60}': 'fatal',
    '{"severity":"NOTICE"}': 'info',
    '{"severity":"EMERGENCY"}': 'fatal',
    '{"level":"odd","severity":"warning"}': 'warn',
  });
});

test('fields of inner objects, texts and words in messages are no level of a JSON object', () => {
  assertLevels({
    '{"inner":{"level":"error"},"list":[{"level":"error"}]}': 'unknown',
    '{"msg":"level\\":\\"error\\" ERROR level=error"}': 'unknown',
    '{"msg":"level","a":"error"}': 'unknown',
    '{"level":null}': 'unknown',
    '{"level":"info': 'unknown',
    '{"level"': 'unknown',
    '{"a":1}': 'unknown',
    '{"level":99}': 'unknown',
  });
});

test('a level is found in a field of logfmt, and not within a value in quotes or an address', () => {
  assertLevels({
    'time=1 level=info msg=x': 'info',
    'lvl=eror': 'error',
    'severity="warning" a=b': 'warn',
    'msg="level=error \\" level=error" level=debug': 'debug',
    'GET /?level=error&level=fatal': 'unknown',
    'xlevel=error': 'unknown',
    'level=nothing ERROR': 'error',
    'level=': 'unknown',
  });
});

test('a level is found in a text as a word in capitals, in brackets, or before a colon', () => {
  assertLevels({
    '2024-01-01 10:00:00 ERROR it broke': 'error',
    '[info] hello': 'info',
    '<Warning> hello': 'warn',
    '(debug) hello': 'debug',
    'error: no such file': 'error',
    '10:00 [main] TRACE a.b.C - x': 'trace',
    'x|WRN|y': 'warn',
    '\u001b[32mINFO\u001b[0m x': 'info',
    'CRIT x': 'critical',
    'ALERT x': 'critical',
    'PANIC x': 'fatal',
    'EMERG x': 'fatal',
    DEBUG: 'debug',
  });
});

test('words in sentences, parts of words and words far behind are no level', () => {
  assertLevels({
    '': 'unknown',
    'an error came and the info went': 'unknown',
    'ERROR_CODE TERROR INFOS éINFO': 'unknown',
    [`${'x '.repeat(60)}ERROR`]: 'unknown',
    [`level${' '.repeat(1100)}level=error`]: 'unknown',
    '{not json} WARN x': 'warn',
  });
});

test('the letter of klog is a level', () => {
  assertLevels({
    'I1129 07:03:00.1 1 main.go:7] x': 'info',
    'W1129 x': 'warn',
    'E1129 x': 'error',
    'F1129 x': 'fatal',
    'X1129 x': 'unknown',
    'I112 x': 'unknown',
    I1129: 'unknown',
  });
});

test('any bytes give one of the names, whatever stands around them', () => {
  const names = ['trace', 'debug', 'info', 'warn', 'error', 'critical', 'fatal', 'unknown'];
  const piece = fc.oneof(
    fc.constantFrom('{"', '"level"', ':', 'level=', '"', '\\', 'ERROR', '[', '\u001b[', ' ', '}'),
    fc.string({ unit: 'binary', maxLength: 5 }),
  );
  fc.assert(
    fc.property(fc.array(piece), fc.uint8Array({ maxLength: 20 }), (pieces, noise) => {
      const line = Buffer.concat([Buffer.from(pieces.join('')), noise]);
      const alone = detectLevel(line, 0, line.length);
      const within = Buffer.concat([Buffer.from('{"level":"'), line, Buffer.from('":="ERROR')]);
      assert.ok(names.includes(alone));
      assert.equal(detectLevel(within, 10, 10 + line.length), alone);
    }),
  );
});

test('a hostile line takes no longer than its first bytes', () => {
  for (const unit of ['"', '\\', '{"a":', 'level=', '\u001b[', '=', 'a']) {
    const line = Buffer.from(unit.repeat(1 << 18));
    const begun = performance.now();
    for (let round = 0; round < 100; round += 1) detectLevel(line, 0, line.length);
    assert.ok(performance.now() - begun < 500, unit);
  }
});
