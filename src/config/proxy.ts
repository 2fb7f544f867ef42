/**
 * Which proxy stands between the driver and an endpoint: its own option, or what the plugin's
 * environment says. It must never put a password into a message.
 */
import { bypassesProxy } from './no-proxy.ts';
import type { Given, OptionReader } from './option-reader.ts';
import type { OptionSpec } from './option-spec.ts';
import { endpointOptions, pluginOptions } from './options.ts';
import { parseUrlParts } from './url-parts.ts';

const defaultPorts = new Map([
  ['http:', 80],
  ['https:', 443],
]);

/** The proxy for the endpoint at `url`, as `http://[user:password@]host:port`; secret. */
export function readProxy(reader: OptionReader, url: string): string | undefined {
  const own = reader.given(endpointOptions.proxyUrl);
  if (own !== undefined) {
    if (own.text.toLowerCase() === 'none') return undefined;
    return parsed(reader, endpointOptions.proxyUrl, own);
  }
  const { protocol, hostname, port } = new URL(url);
  const isSecure = protocol === 'https:' || protocol === 'grpcs:';
  const spec = isSecure ? pluginOptions.httpsProxy : pluginOptions.httpProxy;
  const wide = anyCase(reader, spec);
  if (wide === undefined) return undefined;
  const noProxy = anyCase(reader, pluginOptions.noProxy)?.text ?? '';
  const host = hostname.replace(/^\[|\]$/g, '');
  const number = port === '' ? (defaultPorts.get(protocol) ?? 0) : Number(port);
  return bypassesProxy(noProxy, host, number) ? undefined : parsed(reader, spec, wide);
}

/** The setting, in capitals or not, as other programs take it. */
function anyCase(reader: OptionReader, spec: OptionSpec): Given | undefined {
  const given = [spec, { ...spec, env: spec.env.toLowerCase() }].map((one) => reader.given(one));
  return given.find((one) => one !== undefined && one.text !== '');
}

function parsed(reader: OptionReader, spec: OptionSpec, given: Given): string | undefined {
  const result = parseProxyUrl(given.text);
  if (typeof result === 'string') return result;
  reader.error(spec, given, result.problem);
  return undefined;
}

/** The URL, complete with its port, or the reason (without the value) why it is none. */
function parseProxyUrl(text: string): string | { readonly problem: string } {
  const whole = /^[a-z][a-z0-9+.-]*:\/\//i.test(text) ? text : `http://${text}`;
  if (!/^http:/i.test(whole)) return { problem: 'does not begin with http://' };
  const parts = parseUrlParts(whole);
  if ('problem' in parts) return parts;
  const { url, user, password } = parts;
  if (url.pathname !== '/' || url.search !== '') {
    return { problem: 'has a path or query, which a proxy has no use for' };
  }
  const userinfo = `${encodeURIComponent(user)}:${encodeURIComponent(password)}@`;
  const isKnown = user !== '' || password !== '';
  return `http://${isKnown ? userinfo : ''}${url.hostname}:${url.port || '80'}`;
}
