import type { Readable } from 'node:stream'
import { packTar } from 'modern-tar'
import { protocol, type Request } from '../contract'
import type { Link } from '../link'

/** How often a container is run: the emulator compiles what ran often. */
const runs = 3

const layer = '000000000000f1a5'
const network: Request<'network.ensure'> = {
  bridge: 'berth-rehearsal',
  addresses: ['172.31.255.1/24'],
  mtu: 1500,
  masquerade: true,
  icc: true,
  internal: false,
  exclusive: false,
  dns: true,
}

/**
 * Has the agent do what makes up most starts of an engine and of a container, then ends it. What that runs in the guest is
 * compiled code from then on, and all of it comes with the snapshot.
 */
export async function rehearse(link: Link): Promise<void> {
  await link.call('hello', { protocol, time: new Date().toISOString() })
  const events = link.open('events', {}).resume()
  events.on('error', () => undefined)
  const apply = link.open('layer.apply', { id: layer, parents: [] })
  apply.end(await layerOf(['bin', 'dev', 'etc', 'proc', 'sys']))
  await apply.reply
  for (let run = 0; run < runs; run++) {
    await link.call('hello', { protocol, time: new Date().toISOString() })
    await link.call('network.ensure', network)
    const id = `rehearsal${run}`
    const attach = link.open('attach', { id, stdin: false, stdout: true, stderr: true, logs: false, stream: true })
    await link.call('container.start', requestFor(id, ['/bin/busybox', 'sh', '-c', 'echo hello']))
    await drain(attach)
    await link.call('container.remove', { id })
  }
  const id = 'sleeper'
  await link.call('container.start', requestFor(id, ['/bin/busybox', 'sleep', '1000']))
  for (let run = 0; run < runs; run++) await execIn(link, id, `exec${run}`)
  await link.call('container.stop', { id, signal: 9, timeout: 1 })
  await link.call('container.remove', { id })
  await link.call('network.remove', { bridge: network.bridge })
  await link.call('layer.remove', { ids: [layer] })
  await link.call('shutdown', { timeout: 1, powerOff: false })
  link.close()
}

async function layerOf(folders: string[]): Promise<Uint8Array> {
  return packTar(folders.map((name) => ({ header: { name: `${name}/`, type: 'directory', mode: 0o755, size: 0 } })))
}

async function execIn(link: Link, id: string, name: string): Promise<void> {
  const exec = link.open('exec.start', {
    id,
    exec: name,
    process: processOf(['/bin/busybox', 'true']),
    user: '',
    groups: [],
    tty: false,
    stdin: false,
    stdout: true,
    stderr: true,
    detach: false,
  })
  await drain(exec)
}

async function drain(stream: Readable): Promise<void> {
  for await (const chunk of stream) void chunk
}

const capabilities = ['CHOWN', 'DAC_OVERRIDE', 'FOWNER', 'KILL', 'NET_BIND_SERVICE', 'NET_RAW', 'SETGID', 'SETUID'].map(
  (name) => `CAP_${name}`,
)

function processOf(args: string[]): Record<string, unknown> {
  return {
    terminal: false,
    args,
    env: ['PATH=/bin', 'HOSTNAME=rehearsal'],
    cwd: '/',
    capabilities: { bounding: capabilities, effective: capabilities, permitted: capabilities },
    rlimits: [],
    noNewPrivileges: false,
  }
}

/** A container as most are, of the guest's own busybox. */
function requestFor(id: string, args: string[]): Request<'container.start'> {
  const file = (path: string) => ({ path, content: 'rehearsal\n', mode: 0o644 })
  return {
    id,
    root: { id, layers: [layer] },
    spec: {
      ociVersion: '1.0.2',
      process: processOf(args),
      root: { path: '', readonly: false },
      hostname: 'rehearsal',
      mounts: [
        { destination: '/proc', type: 'proc', source: 'proc', options: ['nosuid', 'noexec', 'nodev'] },
        { destination: '/dev', type: 'tmpfs', source: 'tmpfs', options: ['nosuid', 'mode=755', 'size=65536k'] },
        { destination: '/dev/pts', type: 'devpts', source: 'devpts', options: ['nosuid', 'noexec', 'newinstance'] },
        { destination: '/sys', type: 'sysfs', source: 'sysfs', options: ['nosuid', 'noexec', 'nodev', 'ro'] },
        { destination: '/sys/fs/cgroup', type: 'cgroup', source: 'cgroup', options: ['ro', 'nosuid', 'noexec'] },
        { destination: '/dev/mqueue', type: 'mqueue', source: 'mqueue', options: ['nosuid', 'noexec', 'nodev'] },
        { destination: '/dev/shm', type: 'tmpfs', source: 'shm', options: ['nosuid', 'mode=1777', 'size=67108864'] },
        { destination: '/bin/busybox', type: 'bind', source: '/bin/busybox', options: ['rbind', 'ro'] },
      ],
      linux: {
        cgroupsPath: `/berth/${id}`,
        namespaces: ['mount', 'uts', 'ipc', 'pid', 'cgroup'].map((type) => ({ type })),
        resources: { devices: [{ allow: false, access: 'rwm' }] },
        maskedPaths: ['/proc/kcore', '/proc/keys', '/proc/timer_list', '/sys/firmware'],
        readonlyPaths: ['/proc/bus', '/proc/fs', '/proc/irq', '/proc/sys', '/proc/sysrq-trigger'],
        seccomp: {
          defaultAction: 'SCMP_ACT_ERRNO',
          defaultErrnoRet: 1,
          architectures: ['SCMP_ARCH_X86'],
          syscalls: [{ names: systemCalls, action: 'SCMP_ACT_ALLOW' }],
        },
      },
    },
    user: '',
    groups: [],
    tty: false,
    openStdin: false,
    stdinOnce: false,
    init: false,
    log: { driver: 'json-file', maxSize: -1, maxFile: 1 },
    files: [file('/etc/hosts'), file('/etc/hostname'), file('/etc/resolv.conf')],
    mounts: [],
    network: {
      mode: 'bridge',
      endpoints: [
        {
          name: 'eth0',
          bridge: network.bridge,
          hostName: 'vethrehearsal',
          mac: '02:42:ac:1f:ff:02',
          addresses: ['172.31.255.2/24'],
          gateways: ['172.31.255.1'],
          mtu: network.mtu,
        },
      ],
      dns: false,
    },
  }
}

/** Enough for the shell and to have the runtime build a filter. */
const systemCalls = (
  'access arch_prctl brk capget capset chdir clone close dup dup2 dup3 epoll_wait execve exit exit_group faccessat fchdir ' +
  'fchown fcntl fcntl64 fork fstat fstat64 fstatfs futex getcwd getdents64 getegid getegid32 geteuid geteuid32 getgid ' +
  'getgid32 getpgrp getpid getppid gettid getuid getuid32 ioctl kill lseek lstat lstat64 mmap mmap2 mprotect mremap munmap ' +
  'nanosleep clock_nanosleep clock_nanosleep_time64 open openat pipe pipe2 poll ppoll prctl pread64 prlimit64 read readlink ' +
  'rt_sigaction rt_sigprocmask rt_sigreturn rt_sigsuspend sched_yield select _newselect set_robust_list set_thread_area ' +
  'set_tid_address setgid setgid32 setgroups setgroups32 setpgid setsid setuid setuid32 sigreturn stat stat64 statx time ' +
  'ugetrlimit umask uname vfork wait4 waitpid write writev clock_gettime clock_gettime64 getrandom rseq ' +
  'chmod chown chown32 clone3 close_range creat eventfd2 epoll_create1 epoll_ctl epoll_pwait faccessat2 fadvise64 fallocate ' +
  'fchmod fchmodat fchown32 fchownat fdatasync flock fstatat64 fsync ftruncate ftruncate64 getpgid getpriority getresgid ' +
  'getresgid32 getresuid getresuid32 getrlimit getrusage getsid getsockname getsockopt gettimeofday getxattr link linkat ' +
  'listen listxattr lchown lchown32 llseek _llseek madvise memfd_create mkdir mkdirat mknod mknodat mount newfstatat openat2 ' +
  'pivot_root ptrace pwrite64 readlinkat recvfrom recvmsg rename renameat renameat2 rmdir sched_getaffinity ' +
  'sched_setaffinity seccomp sendfile sendmsg sendto setdomainname setfsgid setfsuid sethostname setitimer setns setpriority ' +
  'setregid setregid32 setresgid setresgid32 setresuid setresuid32 setreuid setreuid32 setrlimit setsockopt setxattr ' +
  'shutdown sigaltstack signalfd4 socket socketcall socketpair splice statfs statfs64 symlink symlinkat sync sysinfo tgkill ' +
  'timerfd_create timerfd_settime times truncate truncate64 umount umount2 unlink unlinkat unshare utimensat'
).split(' ')
