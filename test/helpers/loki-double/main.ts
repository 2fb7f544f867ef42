/**
 * The double as a process of its own, for tests that must not share a CPU with it
 * and for the demo. Prints one line when it is ready and ends on SIGTERM or SIGINT.
 *
 *   node test/helpers/loki-double/main.ts [--port 3100] [--control-port 3101] [--host 127.0.0.1]
 *     [--grpc-port 9095] [--auth] [--discover-service-name] [--limits '{"lineBytesMax":1024}'] [--mode '{"kind":"up"}']
 */
import { parseArgs } from 'node:util';
import { checkMode } from './faults.ts';
import { checkLimits } from './limits.ts';
import { LokiDouble } from './loki-double.ts';

const { values } = parseArgs({
  options: {
    port: { type: 'string', default: '3100' },
    'control-port': { type: 'string', default: '0' },
    'grpc-port': { type: 'string' },
    host: { type: 'string', default: '127.0.0.1' },
    auth: { type: 'boolean', default: false },
    'discover-service-name': { type: 'boolean', default: false },
    limits: { type: 'string', default: '{}' },
    mode: { type: 'string', default: '{"kind":"up"}' },
  },
});

const double = new LokiDouble({
  auth: values.auth,
  discoverServiceName: values['discover-service-name'],
  limits: checkLimits(JSON.parse(values.limits)),
});
const mode = checkMode(JSON.parse(values.mode));
await double.start({
  port: Number(values.port),
  host: values.host,
  controlPort: Number(values['control-port']),
  ...(values['grpc-port'] === undefined ? {} : { grpcPort: Number(values['grpc-port']) }),
});
await double.setMode(mode);
process.stdout.write(`loki-double ready ${double.url} control ${double.controlUrl}\n`);

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    void double.stop();
  });
}
