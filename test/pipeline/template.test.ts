import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compileTemplate } from '../../src/pipeline/template.ts';

test('puts the name in, however often and with or without spaces', () => {
  const rows = [
    ['{{.Name}}', 'web'],
    ['{{ .Name }}', 'web'],
    ['a-{{.Name}}/{{  .Name}}-b', 'a-web/web-b'],
    ['plain', 'plain'],
    ['', ''],
    ['}} alone is text', '}} alone is text'],
  ];
  for (const [text = '', expected] of rows) {
    assert.equal(compileTemplate(text)({ name: 'web' }), expected);
  }
});

test('takes a name as it is, even if it looks like a template or a pattern', () => {
  assert.equal(compileTemplate('x{{.Name}}')({ name: '{{.Name}}$&' }), 'x{{.Name}}$&');
});

test('refuses every other template, with its text and what is allowed', () => {
  for (const text of ['{{.ID}}', '{{.Name', '{{', '{{index .ContainerLabels "a"}}', '{{.name}}']) {
    assert.throws(() => compileTemplate(text), {
      code: 'invalid_option',
      message: `the template "${text}" is not understood; allowed is plain text with {{.Name}} in it`,
    });
  }
});
