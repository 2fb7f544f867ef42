/**
 * Stages of promtail that do not fit here: they are refused, and told why and what to do.
 *
 *   geoip: looks addresses up in a database, and the plugin brings none
 *   eventlogmessage: takes messages of the Windows event log apart, and the plugin runs on Linux
 */
import type { StageCompiler } from '../stage.ts';

/** `geoip`: always an error. */
export const refuseGeoip: StageCompiler = (config) =>
  config.fail(
    'geoip does not fit here: it needs a database of addresses, and the plugin holds none; ' +
      'remove the stage and look addresses up where the lines arrive, for example in Alloy before Loki',
  );

/** `eventlogmessage`: always an error. */
export const refuseEventLogMessage: StageCompiler = (config) =>
  config.fail(
    'eventlogmessage does not fit here: it reads the Windows event log, and containers print none; ' +
      'remove the stage, or use regex or logfmt if a container prints such messages',
  );
