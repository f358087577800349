import type { ContainerInspectInfo, ImageInspectInfo } from 'dockerode'

/** Quotes a word for a POSIX shell where it needs it. */
export function shellQuote(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`
}

/**
 * The `docker run` command that would make such a container again: what it has and its image does not give it. The
 * image may be gone; then all that the container has is said.
 */
export function dockerRun(container: ContainerInspectInfo, image?: Pick<ImageInspectInfo, 'Config'>): string {
  const { Config, HostConfig, Name } = container
  const given = image?.Config
  const options: string[] = []
  const add = (flag: string, value?: string | number) => options.push(value === undefined ? flag : `${flag} ${shellQuote(String(value))}`) // prettier-ignore
  const without = (all: string[] | null | undefined, known: string[] | null | undefined) =>
    (all ?? []).filter((one) => !(known ?? []).includes(one))

  add('-d')
  add('--name', Name.slice(1))
  if (Config.Tty) add('-t')
  if (Config.OpenStdin) add('-i')
  if (HostConfig.AutoRemove) add('--rm')
  if (!container.Id.startsWith(Config.Hostname ?? '')) add('--hostname', Config.Hostname)
  if (Config.User && Config.User !== given?.User) add('--user', Config.User)
  if (Config.WorkingDir && Config.WorkingDir !== given?.WorkingDir) add('--workdir', Config.WorkingDir)
  for (const variable of without(Config.Env, given?.Env)) add('-e', variable)
  for (const [port, bindings] of Object.entries(
    (HostConfig.PortBindings ?? {}) as Record<string, { HostIp?: string; HostPort?: string }[] | null>,
  ))
    // prettier-ignore
    for (const { HostIp, HostPort } of bindings ?? [])
      add('-p', [HostIp, HostPort, port.replace(/\/tcp$/, '')].filter(Boolean).join(':'))
  if (HostConfig.PublishAllPorts) add('-P')
  for (const bind of HostConfig.Binds ?? []) add('-v', bind)
  for (const mount of HostConfig.Mounts ?? [])
    add('--mount', [`type=${mount.Type}`, mount.Source && `src=${mount.Source}`, `dst=${mount.Target}`, mount.ReadOnly && 'readonly'].filter(Boolean).join(',')) // prettier-ignore
  for (const [path, how] of Object.entries((HostConfig.Tmpfs ?? {}) as Record<string, string>)) add('--tmpfs', how ? `${path}:${how}` : path) // prettier-ignore
  if (HostConfig.NetworkMode && !['default', 'bridge'].includes(HostConfig.NetworkMode)) add('--network', HostConfig.NetworkMode) // prettier-ignore
  const { Name: restart, MaximumRetryCount: tries } = HostConfig.RestartPolicy ?? {}
  if (restart && restart !== 'no') add('--restart', tries ? `${restart}:${tries}` : restart)
  if (HostConfig.Memory) add('-m', HostConfig.Memory)
  if (HostConfig.NanoCpus) add('--cpus', HostConfig.NanoCpus / 1e9)
  if (HostConfig.Privileged) add('--privileged')
  if (HostConfig.ReadonlyRootfs) add('--read-only')
  for (const capability of HostConfig.CapAdd ?? []) add('--cap-add', capability)
  for (const capability of HostConfig.CapDrop ?? []) add('--cap-drop', capability)
  for (const host of HostConfig.ExtraHosts ?? []) add('--add-host', host)
  for (const server of HostConfig.Dns ?? []) add('--dns', server)
  for (const [label, value] of Object.entries(Config.Labels ?? {}))
    if (given?.Labels?.[label] !== value) add('-l', `${label}=${value}`)

  const entrypoint = words(Config.Entrypoint)
  const command = words(Config.Cmd)
  const ownEntrypoint = entrypoint.join('\0') !== words(given?.Entrypoint).join('\0')
  // `--entrypoint` takes one word; the others go before the command, which has to be said then.
  const tail = ownEntrypoint ? [...entrypoint.slice(1), ...command] : command.join('\0') === words(given?.Cmd).join('\0') ? [] : command // prettier-ignore
  if (ownEntrypoint) add('--entrypoint', entrypoint[0] ?? '')
  return ['docker run', ...options, [Config.Image, ...tail].map(shellQuote).join(' ')].join(' \\\n  ')
}

const words = (value: string | string[] | null | undefined): string[] => [value ?? []].flat()
