/** A Go controller in a cluster, in logfmt: reconciliation with objects, versions and durations. */
import type { Program } from './dice.ts';

/** See the module comment. */
export const logfmt: Program = (dice) => {
  const namespaces = dice.pool(
    40,
    () => dice.pick(['team', 'prod', 'stage', 'ci']) + `-${dice.hex(4)}`,
  );
  const apps = dice.pool(
    200,
    () => dice.pick(['api', 'web', 'worker', 'ingress', 'cache']) + `-${dice.hex(3)}`,
  );
  const pod = (): string => `${apps()}-${dice.hex(9)}-${dice.hex(5)}`;
  const duration = (): string => {
    const ms = dice.logNormal(14, 3);
    return ms < 1 ? `${(ms * 1000).toFixed(3)}µs` : `${ms.toFixed(6)}ms`;
  };
  const message = (): string => {
    const place = `namespace=${namespaces()}`;
    return dice.weighted([
      [
        `level=info caller=reconciler.go:214 msg="reconciled object" kind=Deployment ${place} name=${apps()} generation=${dice.int(1, 90)} resourceVersion=${dice.int(481_000_000, 483_000_000)} took=${duration()}`,
        35,
      ],
      [
        `level=debug caller=cache.go:97 msg="object changed" kind=Pod ${place} name=${pod()} uid=${dice.uuid()} phase=${dice.pick(['Pending', 'Running', 'Succeeded'])}`,
        25,
      ],
      [
        `level=info caller=scheduler.go:331 msg="pod bound" ${place} pod=${pod()} node=ip-10-0-${dice.int(1, 60)}-${dice.int(2, 250)}.eu-central-1.compute.internal evaluated=${dice.int(3, 120)} feasible=${dice.int(1, 90)} took=${duration()}`,
        15,
      ],
      [
        `level=warn caller=queue.go:58 msg="requeued" kind=${dice.pick(['Ingress', 'Service', 'Job'])} ${place} name=${apps()} attempt=${dice.int(1, 9)} err="Operation cannot be fulfilled on ${dice.pick(['ingresses.networking.k8s.io', 'services', 'jobs.batch'])}: the object has been modified; please apply your changes to the latest version and try again"`,
        10,
      ],
      [
        `level=info caller=server.go:1883 method=GET path=/apis/apps/v1/namespaces/${namespaces()}/deployments status=200 bytes=${Math.floor(dice.logNormal(9000, 3))} remote=10.42.${dice.int(0, 7)}.${dice.int(2, 250)}:${dice.int(32_768, 60_999)} took=${duration()}`,
        15,
      ],
    ]);
  };
  const event = (timeMs: number): string[] => {
    const micros = String(Math.floor((timeMs % 1) * 1e6)).padStart(6, '0');
    const time = new Date(timeMs).toISOString().replace('Z', `${micros}Z`);
    return [`ts=${time} ${message()}`];
  };
  return { rate: 250, event };
};
