/**
 * The templates of labels, as Docker's logging drivers have them: the door between what is known of
 * a container and the room of templates. It must never let a template see more than that.
 */
import { messageOf } from '../base/errors.ts';
import type { ContainerInfo } from './container-info.ts';
import { compileTemplate } from './template.ts';

/** A template that is wrong, or fails for a container. */
export class LabelTemplateError extends Error {}

/** A compiled template. */
export interface LabelTemplate {
  /** Throws LabelTemplateError. */
  render(info: ContainerInfo): string;
}

/** Compiles a template. Throws LabelTemplateError that says what is wrong. */
export function compileLabelTemplate(text: string): LabelTemplate {
  try {
    const template = compileTemplate(text);
    return { render: ({ containerName }) => template({ name: containerName }) };
  } catch (error) {
    throw new LabelTemplateError(messageOf(error), { cause: error });
  }
}
