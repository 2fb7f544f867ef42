/**
 * Which endpoints a container has: the URLs of `loki-url`, and every name for which any option is
 * given. A name without a URL of its own takes the plain one, which is then no endpoint by itself.
 * Every option of every endpoint is checked, and of a container without any the plain ones.
 */
import { endpointsPerContainerMax } from '../base/limits.ts';
import { readCredentials } from './credentials.ts';
import { type EndpointSettings, endpointKey, endpointLabel } from './endpoint-settings.ts';
import { type EndpointUrl, parseEndpointUrl, splitUrls } from './endpoint-url.ts';
import { readHeaders } from './headers.ts';
import { type LineSettings, readLines } from './line-settings.ts';
import {
  endpointNameAllowed,
  isEndpointName,
  isEndpointOption,
  splitOptionName,
} from './option-name.ts';
import { type Given, type OptionReader, rank, show } from './option-reader.ts';
import { endpointOptions } from './options.ts';
import { readProxy } from './proxy.ts';
import { readQueue } from './queue-settings.ts';
import { isTls, readTls, warnOfIdleTls } from './tls.ts';

const urlOption = endpointOptions.url;

/** One endpoint, before its options are read. */
interface Place {
  readonly name: string;
  readonly target: EndpointUrl;
  readonly given: Given;
}

/** The endpoints of one container, unnamed ones first, and what each gets, by its key. */
export interface ContainerEndpoints {
  readonly endpoints: EndpointSettings[];
  readonly lines: ReadonlyMap<string, LineSettings>;
}

/** The endpoints of one container; what is wrong is noted at the reader. */
export function readEndpoints(reader: OptionReader): ContainerEndpoints {
  const places = findPlaces(reader);
  if (places.length > endpointsPerContainerMax) {
    reader.fault(
      `${urlOption.name}: ${places.length} endpoints are given; ` +
        `allowed are ${endpointsPerContainerMax} for a container`,
    );
  }
  // Nobody is served, but a wrong value is told all the same.
  if (places.length === 0) {
    readEndpoint(reader, nowhere);
    readLines(reader);
  }
  const isAnyTls = places.some(({ target }) => isTls(target.url));
  const byKey = new Map<string, EndpointSettings>();
  const lines = new Map<string, LineSettings>();
  for (const place of places) {
    const own = place.name === '' ? reader : reader.of(place.name);
    const endpoint = readEndpoint(own, place);
    if (byKey.has(endpoint.key)) {
      reader.warn(`${place.given.source}: the endpoint ${endpoint.label} is given twice`);
    }
    byKey.set(endpoint.key, endpoint);
    lines.set(endpoint.key, readLines(own));
    if (!isTls(place.target.url)) warnOfIdleTls(own, isAnyTls);
  }
  return { endpoints: [...byKey.values()], lines };
}

const nowhere: Place = {
  name: '',
  target: { url: 'https://nowhere.invalid/' },
  given: { text: '', source: undefined, rank: rank.default },
};

function findPlaces(reader: OptionReader): Place[] {
  const plain = reader.given(urlOption);
  const plainUrls = plain === undefined ? [] : splitUrls(plain.text);
  const places: Place[] = [];
  let isDefault = false;
  for (const [name, option] of findNames(reader)) {
    const given = reader.of(name).own(urlOption) ?? plain;
    if (given === undefined) {
      reader.fault(
        `${option}: the endpoint "${name}" has no URL; ` +
          `allowed is one in ${urlOption.name}.${name} or, for all, in ${urlOption.name}`,
      );
      continue;
    }
    if (given === plain) isDefault = true;
    const [url = '', ...more] = splitUrls(given.text);
    if (more.length > 0) {
      const problem = `is ${more.length + 1} URLs, and the endpoint "${name}" takes one`;
      reader.error(urlOption, given, problem);
    }
    places.push({ name, given, target: targetOf(reader, given, url) });
  }
  if (plain === undefined || isDefault) return places;
  const unnamed = plainUrls.map((url, index) => {
    const which = plainUrls.length === 1 ? '' : `in URL ${index + 1} of ${plainUrls.length} `;
    return { name: '', given: plain, target: targetOf(reader, plain, url, which) };
  });
  return [...unnamed, ...places];
}

/** The names of endpoints in order, each with an option that is given for it. */
function findNames(reader: OptionReader): [string, string][] {
  const found = new Map<string, string>();
  for (const option of reader.names) {
    const { option: base, endpoint } = splitOptionName(option);
    if (endpoint === undefined || !isEndpointOption(base)) continue;
    if (isEndpointName(endpoint)) found.set(endpoint, found.get(endpoint) ?? option);
    else {
      reader.fault(
        `${show(option)}: ${show(endpoint)} is no name of an endpoint; ` +
          `allowed is ${endpointNameAllowed}`,
      );
    }
  }
  return [...found].sort(([a], [b]) => (a < b ? -1 : 1));
}

function targetOf(reader: OptionReader, given: Given, url: string, which = ''): EndpointUrl {
  const parsed = parseEndpointUrl(url);
  if (!('problem' in parsed)) return parsed;
  reader.error(urlOption, given, `${which}${parsed.problem}`);
  return nowhere.target;
}

function readEndpoint(reader: OptionReader, place: Place): EndpointSettings {
  const { name, given, target } = place;
  const { url } = target;
  const isGrpc = url.startsWith('grpc');
  const tenantId = readTenant(reader);
  const credentials = readCredentials(reader, { given, basicAuth: target.basicAuth });
  const proxyUrl = readProxy(reader, url);
  const tls = readTls(reader);
  return {
    key: endpointKey(name, url, tenantId),
    name,
    label: endpointLabel(name, url, tenantId),
    sink: {
      url,
      ...(tenantId === undefined ? {} : { tenantId }),
      timeoutMs: Math.round(reader.number(endpointOptions.timeout)),
      encoding: readEncoding(reader, isGrpc),
      ...(credentials === undefined ? {} : { credentials }),
      headers: readHeaders(reader, isGrpc),
      ...(proxyUrl === undefined ? {} : { proxyUrl }),
      tls: isTls(url) ? tls : { skipVerify: false },
    },
    ...readQueue(reader),
  };
}

function readTenant(reader: OptionReader): string | undefined {
  const spec = endpointOptions.tenantId;
  const given = reader.given(spec);
  if (given === undefined) return undefined;
  if (/^[!-~]+$/.test(given.text) && given.text.length <= spec.max) return given.text;
  reader.error(spec, given, 'is not a tenant');
  return undefined;
}

function readEncoding(reader: OptionReader, isGrpc: boolean): 'protobuf' | 'json' {
  const spec = endpointOptions.encoding;
  const encoding = reader.choice(spec);
  if (isGrpc && encoding === 'json') {
    reader.error(spec, reader.given(spec), 'is not what gRPC carries');
  }
  return encoding;
}
