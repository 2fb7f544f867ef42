/** Templates of labels know what Docker's own log tags know of a container, and no more. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ContainerInfo } from '../../src/pipeline/container-info.ts';
import { compileLabelTemplate, LabelTemplateError } from '../../src/pipeline/label-template.ts';

const containerId = '0123456789abcdef'.repeat(4);

const info: ContainerInfo = {
  containerId,
  containerName: 'web',
  imageId: 'sha256:fedcba9876543210fedc',
  imageName: 'registry/app:1',
  createdAt: '2026-01-02T03:04:05.120Z',
  labels: { 'com.docker.swarm.task.name': 'stack_web.1.xyz', app: 'shop' },
  entrypoint: '/bin/app',
  args: ['-v', 'serve'],
  env: ['STAGE=prod', 'A=b'],
  logOpts: { tag: 'x' },
  host: 'node-1',
};

function render(text: string, more: Partial<ContainerInfo> = {}): string {
  return compileLabelTemplate(text).render({ ...info, ...more });
}

test('has all fields and methods of a log tag', () => {
  const rows = [
    ['{{.ID}}', '0123456789ab'],
    ['{{.FullID}}', containerId],
    ['{{.Name}}', 'web'],
    ['{{.ImageID}}', 'fedcba987654'],
    ['{{.ImageFullID}}', 'sha256:fedcba9876543210fedc'],
    ['{{.ImageName}}', 'registry/app:1'],
    ['{{.Command}}', '/bin/app -v serve'],
    ['{{.Hostname}}', 'node-1'],
    ['{{.DaemonName}}', 'docker'],
    ['{{.ContainerID}}', containerId],
    ['{{.ContainerName}}', '/web'],
    ['{{.ContainerEntrypoint}}', '/bin/app'],
    ['{{index .ContainerArgs 1}}', 'serve'],
    ['{{.ContainerImageID}}', 'sha256:fedcba9876543210fedc'],
    ['{{.ContainerImageName}}', 'registry/app:1'],
    ['{{.ContainerCreated}}', '2026-01-02 03:04:05.12 +0000 UTC'],
    ['{{.ContainerEnv}}', '[STAGE=prod A=b]'],
    ['{{.ContainerLabels.app}}', 'shop'],
    ['{{index .ContainerLabels "com.docker.swarm.task.name"}}', 'stack_web.1.xyz'],
    ['{{index .ContainerLabels "none"}}', ''],
    ['{{.Config.tag}}', 'x'],
    ['{{.LogPath}}', ''],
    ['{{.ImageName}}/{{.Name}}/{{.ID}}', 'registry/app:1/web/0123456789ab'],
    ['plain', 'plain'],
  ] as const;
  for (const [text, expected] of rows) assert.equal(render(text), expected, text);
});

test('has the functions of a log tag', () => {
  const rows = [
    ['{{upper .Name}}', 'WEB'],
    ['{{lower "WEB"}}', 'web'],
    ['{{title .Name}}', 'Web'],
    ['{{truncate .Name 2}}', 'we'],
    ['{{pad .Name 1 2}}', ' web  '],
    ['{{index (split .ImageName ":") 1}}', '1'],
    ['{{join .ContainerArgs "+"}}', '-v+serve'],
    ['{{json .ContainerLabels.app}}', '"shop"'],
    ['{{if eq .Name "web"}}yes{{else}}no{{end}}', 'yes'],
    ['{{printf "%s-%d" .Name 7}}', 'web-7'],
  ] as const;
  for (const [text, expected] of rows) assert.equal(render(text), expected, text);
});

test('takes a name as it is, even if it looks like a template', () => {
  assert.equal(render('x{{.Name}}', { containerName: '{{.ID}}$&' }), 'x{{.ID}}$&');
});

test('a time with an offset is as Go prints it, and what is no time stays as it is', () => {
  const created = (createdAt: string) => render('{{.ContainerCreated}}', { createdAt });
  assert.equal(created('2026-01-02T03:04:05+02:00'), '2026-01-02 03:04:05 +0200 +0200');
  assert.equal(created(''), '');
});

test('what is wrong is told when it is compiled, or for the container that it fails for', () => {
  for (const text of ['{{.Name', '{{', '{{nothing .Name}}', '{{if}}', 'x'.repeat(20_000)]) {
    assert.throws(() => compileLabelTemplate(text), LabelTemplateError, text);
  }
  for (const text of ['{{.Nam}}', '{{index .ContainerArgs 9}}', '{{.Name.x}}']) {
    assert.throws(() => render(text), LabelTemplateError, text);
  }
});
