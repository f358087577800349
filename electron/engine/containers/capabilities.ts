import { EngineError } from '../errors'

/** What a container's processes may do unless told otherwise: Docker's default set. */
const defaults = [
  'CAP_CHOWN',
  'CAP_DAC_OVERRIDE',
  'CAP_FSETID',
  'CAP_FOWNER',
  'CAP_MKNOD',
  'CAP_NET_RAW',
  'CAP_SETGID',
  'CAP_SETUID',
  'CAP_SETFCAP',
  'CAP_SETPCAP',
  'CAP_NET_BIND_SERVICE',
  'CAP_SYS_CHROOT',
  'CAP_KILL',
  'CAP_AUDIT_WRITE',
]

/** capabilities(7) */
const known = new Set([
  ...defaults,
  ...(
    'DAC_READ_SEARCH LINUX_IMMUTABLE NET_BROADCAST NET_ADMIN IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO SYS_PTRACE ' +
    'SYS_PACCT SYS_ADMIN SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG LEASE AUDIT_CONTROL MAC_OVERRIDE ' +
    'MAC_ADMIN SYSLOG WAKE_ALARM BLOCK_SUSPEND AUDIT_READ PERFMON BPF CHECKPOINT_RESTORE'
  )
    .split(' ')
    .map((name) => `CAP_${name}`),
])

/** `net_admin`, `CAP_NET_ADMIN` or `ALL` in the kernel's spelling. Throws 'invalid' for others. */
export function parseCapability(name: string, option: 'CapAdd' | 'CapDrop'): string {
  const upper = name.toUpperCase()
  if (upper === 'ALL') return upper
  const full = upper.startsWith('CAP_') ? upper : `CAP_${upper}`
  if (!known.has(full)) throw new EngineError('invalid', `invalid ${option}: unknown capability: "${full}"`)
  return full
}

/**
 * The capabilities of a container: Docker's defaults with --cap-add and --cap-drop, or all with --privileged; of these
 * the ones that the guest itself has (`available`), since the OCI runtime refuses to give more.
 */
export function capabilitiesFor(
  { CapAdd, CapDrop, Privileged }: { CapAdd: string[] | null; CapDrop: string[] | null; Privileged: boolean },
  available: readonly string[],
): string[] {
  if (Privileged) return [...available]
  const add = (CapAdd ?? []).map((name) => parseCapability(name, 'CapAdd'))
  const drop = (CapDrop ?? []).map((name) => parseCapability(name, 'CapDrop'))
  const base = add.includes('ALL') ? [...available] : drop.includes('ALL') ? add : [...defaults, ...add]
  const wanted = new Set(base)
  for (const name of drop) wanted.delete(name)
  return available.filter((name) => wanted.has(name))
}
