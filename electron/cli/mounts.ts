import { resolve } from 'node:path'
import { parseBytes } from '../../shared/units'
import { UsageError } from './flags'

/**
 * Reads what `-v` takes: `/in/container` (an anonymous volume), or `NAME|HOST_PATH:/in/container[:OPTIONS]`. Host paths
 * that begin with a dot are taken from `cwd`; a drive letter is part of the path. Throws on anything else.
 */
export function parseVolume(text: string, { cwd }: { cwd: string }): { anonymous?: string; bind?: string } {
  const [, source, target, options] = /^((?:[a-z]:[\\/])?[^:]+):([^:]+)(?::([^:]+))?$/i.exec(text) ?? []
  if (!source) {
    if (!text || text.includes(':')) throw new Error(`invalid spec: ${text}: invalid volume specification`)
    return { anonymous: text }
  }
  const path = /^\.{1,2}([\\/]|$)/.test(source) ? resolve(cwd, source) : source
  return { bind: [path, target, ...(options ? [options] : [])].join(':') }
}

const flag = (value: string | undefined) => value === undefined || value === '' || value === 'true' || value === '1'

/** Reads what `--mount` takes, `type=bind,source=/a,target=/b,readonly`, into the API's form. Throws with Docker's words. */
export function parseMount(text: string, { cwd }: { cwd: string }) {
  const fields = new Map<string, string | undefined>()
  const labels: Record<string, string> = {}
  const options: Record<string, string> = {}
  for (const part of text.split(',')) {
    const at = part.indexOf('=')
    const key = (at < 0 ? part : part.slice(0, at)).trim().toLowerCase()
    const value = at < 0 ? undefined : part.slice(at + 1)
    if (key === 'volume-label' || key === 'volume-opt') {
      const [name = '', content = ''] = (value ?? '').split(/=(.*)/s)
      ;(key === 'volume-label' ? labels : options)[name] = content
    } else fields.set(key, value)
  }
  const take = (...names: string[]) => {
    const name = names.find((one) => fields.has(one))
    const value = name === undefined ? undefined : fields.get(name)
    names.forEach((one) => fields.delete(one))
    return { given: name !== undefined, value }
  }
  const Type = take('type').value ?? 'volume'
  const source = take('source', 'src').value
  const Target = take('target', 'destination', 'dst').value
  const readonly = take('readonly', 'ro')
  const propagation = take('bind-propagation').value
  const createSource = take('bind-create-mountpoint')
  const noCopy = take('volume-nocopy')
  const driver = take('volume-driver').value
  const subpath = take('volume-subpath').value
  const tmpfsSize = take('tmpfs-size').value
  const tmpfsMode = take('tmpfs-mode').value
  const [unknown] = fields.keys()
  if (unknown !== undefined)
    throw new UsageError(`invalid argument "${text}" for "--mount" flag: unexpected key '${unknown}' in '${text}'`)
  if (!Target) throw new UsageError(`invalid argument "${text}" for "--mount" flag: target is required`)
  if (Type === 'bind' && !source)
    throw new UsageError(`invalid argument "${text}" for "--mount" flag: source is required`)
  const driverConfig = driver || Object.keys(options).length ? { Name: driver, Options: options } : undefined
  return {
    Type,
    Source: Type === 'bind' ? resolve(cwd, source!) : source,
    Target,
    ReadOnly: readonly.given && flag(readonly.value),
    BindOptions:
      Type === 'bind' && (propagation || createSource.given)
        ? { Propagation: propagation, CreateMountpoint: createSource.given && flag(createSource.value) }
        : undefined,
    VolumeOptions:
      Type === 'volume' && (noCopy.given || driverConfig || subpath || Object.keys(labels).length)
        ? { NoCopy: noCopy.given && flag(noCopy.value), Labels: labels, DriverConfig: driverConfig, Subpath: subpath }
        : undefined,
    TmpfsOptions:
      Type === 'tmpfs' && (tmpfsSize || tmpfsMode)
        ? {
            SizeBytes: tmpfsSize ? parseBytes(tmpfsSize) : undefined,
            Mode: tmpfsMode ? parseInt(tmpfsMode, 8) : undefined,
          }
        : undefined,
  }
}
