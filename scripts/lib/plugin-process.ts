/**
 * The process of an enabled plugin as the host sees it: found by its mounts, asked for its age,
 * tried at its socket. Needs root, because another user's mounts cannot be read.
 */
import fs from 'node:fs';
import net from 'node:net';

/** When dockerd dials a plugin that it started: after the first time only if that failed. */
const firstDialMs = 500;
const nextDialMs = 3000;
/** dockerd counts from a moment after the process was made. */
const dialDelayMsMax = 300;

/**
 * The age in milliseconds at which dockerd has surely found a process listening whose socket was
 * first seen to accept at age `acceptedAgeMs`. One that is gone before is never started again:
 * dockerd goes on dialing it, in vain, and then disables the plugin.
 */
export function dialedAgeMs(acceptedAgeMs: number): number {
  const missed = Math.max(0, Math.ceil((acceptedAgeMs - firstDialMs) / nextDialMs));
  return firstDialMs + missed * nextDialMs + dialDelayMsMax;
}

/** Milliseconds since a process was started. Throws when there is none. */
export function processAgeMs(pid: number): number {
  const stat = fs.readFileSync(`/proc/${pid}/stat`, 'utf8');
  // The 22nd field, counted behind the name, in hundredths of a second since boot.
  const startedTicks = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]);
  const uptimeSeconds = Number(fs.readFileSync('/proc/uptime', 'utf8').split(' ')[0]);
  return uptimeSeconds * 1000 - startedTicks * 10;
}

/** The process whose mounts name the plugin and which runs our program. */
export function findPluginProcess(pluginId: string): number | undefined {
  for (const name of fs.readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    try {
      const command = fs.readFileSync(`/proc/${name}/cmdline`, 'utf8');
      if (!command.startsWith('/node\0') || !command.includes('/app/main.js')) continue;
      const mounts = fs.readFileSync(`/proc/${name}/mountinfo`, 'utf8');
      if (mounts.includes(pluginId)) return Number(name);
    } catch {
      // The process ended while we looked.
    }
  }
  return undefined;
}

/** Whether the plugin's socket accepts; it is found through the process, wherever dockerd put it. */
export async function pluginAccepts(pid: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = net.connect(`/proc/${pid}/root/run/docker/plugins/holdfast.sock`);
    socket.on('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.on('error', () => resolve(false));
  });
}
