/** What a host's daemons write in syslog's format: sshd, kernel, systemd, cron, dhcp. */
import type { Program } from './dice.ts';

const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

/** See the module comment. */
export const syslog: Program = (dice) => {
  const hosts = dice.pool(12, () => `node-${dice.pick(['a', 'b', 'c'])}${dice.int(1, 40)}`);
  const attackers = dice.pool(400, () => dice.ip());
  const names = dice.pool(
    300,
    () =>
      dice.pick(['admin', 'root', 'oracle', 'test', 'ubuntu', 'git']) +
      dice.pick(['', '', '1', '2', '123', dice.hex(3)]),
  );
  const units = [
    'fstrim.service',
    'logrotate.service',
    'man-db.service',
    'apt-daily.service',
    'certbot.service',
  ] as const;
  let uptime = 812_345;
  const message = (): string => {
    const port = dice.int(1024, 65_535);
    return dice.weighted([
      [
        `sshd[${dice.int(1000, 99_999)}]: Failed password for ${dice.chance(0.6) ? 'invalid user ' : ''}${names()} from ${attackers()} port ${port} ssh2`,
        22,
      ],
      [
        `sshd[${dice.int(1000, 99_999)}]: Connection closed by authenticating user ${names()} ${attackers()} port ${port} [preauth]`,
        14,
      ],
      [
        `sshd[${dice.int(1000, 99_999)}]: pam_unix(sshd:auth): authentication failure; logname= uid=0 euid=0 tty=ssh ruser= rhost=${attackers()}  user=root`,
        10,
      ],
      [
        `kernel: [${uptime.toFixed(6)}] [UFW BLOCK] IN=eth0 OUT= MAC=52:54:00:${dice.hex(2)}:${dice.hex(2)}:1f SRC=${attackers()} DST=203.0.113.17 LEN=${dice.int(40, 60)} TOS=0x00 PREC=0x00 TTL=${dice.int(30, 250)} ID=${dice.int(1, 65_535)} PROTO=TCP SPT=${port} DPT=${dice.pick([22, 23, 80, 443, 445, 3389, 8080])} WINDOW=${dice.int(1024, 65_535)} RES=0x00 SYN URGP=0`,
        20,
      ],
      [
        `systemd[1]: Started ${dice.pick(units)} - ${dice.pick(['Discard unused blocks', 'Rotate log files', 'Daily apt download activities'])}.`,
        8,
      ],
      [`systemd[1]: ${dice.pick(units)}: Consumed ${(dice.float() * 9).toFixed(3)}s CPU time.`, 8],
      [
        `CRON[${dice.int(1000, 99_999)}]: (root) CMD (test -x /usr/sbin/anacron || run-parts --report /etc/cron.${dice.pick(['hourly', 'daily'])})`,
        6,
      ],
      [
        `dhclient[812]: DHCPACK of 10.0.${dice.int(0, 9)}.${dice.int(2, 250)} from 10.0.0.1 (xid=0x${dice.hex(8)})`,
        5,
      ],
      [`systemd-logind[640]: New session ${dice.int(1000, 99_999)} of user ${names()}.`, 7],
    ]);
  };
  const event = (timeMs: number): string[] => {
    const at = new Date(timeMs);
    uptime += dice.exponential(0.02);
    const day = String(at.getUTCDate()).padStart(2);
    const time = `${months[at.getUTCMonth()]} ${day} ${at.toISOString().slice(11, 19)}`;
    return [`${time} ${hosts()} ${message()}`];
  };
  return { rate: 50, event };
};
