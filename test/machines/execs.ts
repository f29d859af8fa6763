import type { Lab } from './lab.ts';

const TRACE = '/var/tmp/execs';

/**
 * From now on records every program that logins start on a machine, with its arguments and its environment: sshd runs
 * below strace. A loop over /proc would miss what lives for a millisecond; this misses nothing. Not with --seccomp-bpf: that
 * takes sudo its rights.
 */
export async function watchExecs(lab: Lab, machine: string): Promise<void> {
  const script = `mkdir -p /etc/systemd/system/ssh.service.d
cat >/etc/systemd/system/ssh.service.d/watch.conf <<'END'
[Service]
Type=simple
ExecStart=
ExecStart=/usr/bin/strace -f -qq -e trace=execve -e signal=none -v -s 65536 -o ${TRACE} /usr/sbin/sshd -D
END
systemctl daemon-reload
systemctl restart --no-block ssh.service`;
  lab.must(await lab.ssh(machine, script));
  // The login that asks is itself recorded, as soon as the new sshd answers.
  const deadline = Date.now() + 30_000;
  while ((await lab.ssh(machine, `test -s ${TRACE}`)).exitCode !== 0) {
    if (Date.now() > deadline) throw new Error(`sshd of ${machine} did not come back below strace within 30 s`);
  }
}

/** What was recorded: one line a program, as strace writes it. */
export async function watchedExecs(lab: Lab, machine: string): Promise<string> {
  return lab.must(await lab.ssh(machine, `cat ${TRACE}`)).stdout;
}
