/** What a person is told when all is left running: how to look into it, and how to end it. */
import fs from 'node:fs';
import { demoImage } from './engines.ts';
import type { Message } from './messages.ts';

/** The text for what was kept; `startedPid` is the process that was started for it. */
export function lookAround(
  kept: Extract<Message, { kind: 'kept' }>,
  startedPid: number | undefined,
): string {
  const { dockerHost, queryUrl, query, walPath, network } = kept;
  const isOurs = network === fs.readlinkSync('/proc/self/ns/net');
  // In a network of its own it also counts processes anew: what it calls itself is no use here.
  const pid = isOurs ? startedPid : innerProcessIn(network);
  const host = dockerHost === undefined ? '' : `export DOCKER_HOST=${dockerHost}\n  `;
  const enter = isOurs ? '' : `nsenter --net=/proc/${pid}/ns/net `;
  return `All of it is left running (KEEP=1). Look around:
  ${host}docker ps; docker plugin ls
  docker run --rm --network none --log-driver holdfast ${demoImage} echo hello
  ${enter}curl -sG ${queryUrl} --data-urlencode 'query=${query}'
  find ${walPath}
End it, and remove all that it made (this takes some seconds):
  kill ${pid}`;
}

/** The process in another network that runs the same program as this one. */
function innerProcessIn(network: string): number | undefined {
  const pids = fs.readdirSync('/proc').map(Number).filter(Number.isInteger);
  return pids.find((pid) => {
    try {
      const command = fs.readFileSync(`/proc/${pid}/cmdline`, 'utf8');
      if (!command.startsWith(`${process.execPath}\0`) || !command.includes('--inner'))
        return false;
      return fs.readlinkSync(`/proc/${pid}/ns/net`) === network;
    } catch {
      // It ended while we looked.
      return false;
    }
  });
}
