/**
 * The templates of labels, as Docker's logging drivers have them: the door between what is known of
 * a container and the room of templates. It must never let a template see more than that.
 */
import { messageOf } from '../base/errors.ts';
import { dockerFunctions } from '../template/docker-functions.ts';
import { parseTemplate } from '../template/template.ts';
import { StringMap, Struct } from '../template/value.ts';
import type { ContainerInfo } from './container-info.ts';

/** A template that is wrong, or fails for a container. */
export class LabelTemplateError extends Error {}

/** A compiled template. */
export interface LabelTemplate {
  /** Throws LabelTemplateError. */
  render(info: ContainerInfo): string;
}

/** A longer template is refused, in characters: a label has 2,048 bytes. */
const templateLengthMax = 16_384;
/** Docker shows so many digits of an id. */
const shortIdLength = 12;

/** Compiles a template. Throws LabelTemplateError that says what is wrong. */
export function compileLabelTemplate(text: string): LabelTemplate {
  if (text.length > templateLengthMax) {
    throw new LabelTemplateError(
      `the template has ${text.length} characters; allowed are ${templateLengthMax}`,
    );
  }
  const template = told(() => parseTemplate(text, dockerFunctions));
  return { render: (info) => told(() => template.execute(dataOf(info))) };
}

function told<T>(run: () => T): T {
  try {
    return run();
  } catch (error) {
    throw new LabelTemplateError(messageOf(error), { cause: error });
  }
}

/** Fields and methods of moby's loginfo.Info, under the same names. */
function dataOf(info: ContainerInfo): Struct {
  const { containerId, containerName, imageId, imageName, host } = info;
  const entrypoint = info.entrypoint ?? '';
  const args = info.args ?? [];
  return new Struct(
    {
      Config: mapOf(info.logOpts),
      ContainerID: containerId,
      ContainerName: containerName === '' ? '' : `/${containerName}`,
      ContainerEntrypoint: entrypoint,
      ContainerArgs: args,
      ContainerImageID: imageId,
      ContainerImageName: imageName,
      ContainerCreated: timeOf(info.createdAt),
      ContainerEnv: info.env ?? [],
      ContainerLabels: mapOf(info.labels),
      LogPath: info.logPath ?? '',
      DaemonName: 'docker',
      ID: () => containerId.slice(0, shortIdLength),
      FullID: () => containerId,
      Name: () => containerName,
      ImageID: () => imageId.replace(/^sha256:/, '').slice(0, shortIdLength),
      ImageFullID: () => imageId,
      ImageName: () => imageName,
      Command: () => [entrypoint, ...args].join(' '),
      Hostname: () => host,
    },
    { typeName: '*loginfo.Info' },
  );
}

function mapOf(pairs: Readonly<Record<string, string>>): StringMap {
  return new StringMap(Object.entries(pairs));
}

const rfc3339 = /^(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(?:Z|([+-]\d\d):(\d\d))$/;

/** A time as Go prints it. */
function timeOf(text: string): Struct {
  const [, date, time, fraction = '', hours, minutes] = rfc3339.exec(text) ?? [];
  const digits = fraction.replace(/0+$/, '');
  const zone = hours === undefined ? '+0000 UTC' : `${hours}${minutes} ${hours}${minutes}`;
  const shown =
    date === undefined ? text : `${date} ${time}${digits === '' ? '' : `.${digits}`} ${zone}`;
  return new Struct({}, { typeName: 'time.Time', text: () => shown });
}
