/**
 * What a path inside the plugin is called on the host, for a label that people look at. From the
 * kernel's list of mounts; where that does not tell, the path inside stands for it.
 */
import fs from 'node:fs';

/** The directory of the host that holds `path`, as far as it can be told. */
export function hostPathOf(path: string, mounts: () => string = readMounts): string {
  let text: string;
  try {
    text = mounts();
  } catch {
    return path;
  }
  let found: { point: string; root: string } | undefined;
  for (const line of text.split('\n')) {
    // mountinfo: id, parent, device, root within its file system, mount point, …
    const [, , , root = '', point = ''] = line.split(' ').map(unescapeOctal);
    const isAround = path === point || path.startsWith(`${point}/`);
    if (isAround && point.length >= (found?.point.length ?? 1)) found = { point, root };
  }
  // The root of the plugin itself says nothing of where the host has it.
  if (found === undefined || found.point === '/') return path;
  return `${found.root}${path.slice(found.point.length)}`;
}

function readMounts(): string {
  return fs.readFileSync('/proc/self/mountinfo', 'utf8');
}

function unescapeOctal(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, digits: string) =>
    String.fromCharCode(Number.parseInt(digits, 8)),
  );
}
