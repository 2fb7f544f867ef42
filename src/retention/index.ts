/** The retention plan's public names. Other rooms import from here and nowhere deeper. */
export { admission } from './admission.ts';
export { planRetention } from './plan.ts';
export type {
  ContainerView,
  RetentionAction,
  RetentionLimits,
  RetentionView,
  SegmentView,
} from './types.ts';
