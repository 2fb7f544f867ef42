/** A line that is cut: what is left of it, and what it says. */
import assert from 'node:assert/strict';
import { isUtf8 } from 'node:buffer';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { cutLine } from '../../src/shipper/line-length.ts';

function cut(line: Buffer, maxBytes: number, before = 0): Buffer {
  const bytes = Buffer.concat([Buffer.alloc(before, 0xbf), line, Buffer.from('after')]);
  const { end, marker } = cutLine(bytes, before, before + line.length, maxBytes);
  assert.ok(end >= before && end <= before + line.length);
  return Buffer.concat([bytes.subarray(before, end), marker]);
}

describe('cutLine', () => {
  it('keeps the beginning and says how long the line was', () => {
    const line = Buffer.from('x'.repeat(1000));
    const text = cut(line, 100).toString();
    assert.equal(text, `${'x'.repeat(67)} [holdfast: cut, 1000 bytes in all]`.slice(-100));
    assert.equal(text.length, 100);
  });

  it('never makes more bytes than may be, and cuts no character, whatever the text and the limit', () => {
    const text = fc.string({ unit: 'binary', minLength: 2, maxLength: 200 });
    fc.assert(
      fc.property(text, fc.nat({ max: 300 }), fc.nat({ max: 5 }), (chosen, limit, before) => {
        const line = Buffer.from(chosen);
        const maxBytes = Math.min(limit, line.length - 1);
        const result = cut(line, maxBytes, before);
        assert.ok(result.length <= maxBytes, `${result.length} of ${maxBytes}`);
        assert.ok(isUtf8(result), result.toString('hex'));
        const whole = ` [holdfast: cut, ${line.length} bytes in all]`;
        if (maxBytes >= whole.length) assert.ok(result.toString().endsWith(whole));
        // No more is cut than one character.
        assert.ok(result.length > maxBytes - 4);
      }),
    );
  });

  it('cuts bytes that are no text where the limit is', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 100, maxLength: 200 }), (bytes) => {
        const result = cut(Buffer.from(bytes), 80);
        assert.ok(result.length <= 80 && result.length > 76);
      }),
    );
    assert.equal(cut(Buffer.alloc(200, 0xbf), 80).length, 80);
  });

  it('leaves the beginning of its words where there is no room for all of them', () => {
    assert.equal(cut(Buffer.from('x'.repeat(50)), 5).toString(), ' [hol');
    assert.equal(cut(Buffer.from('x'.repeat(50)), 0).toString(), '');
  });
});
