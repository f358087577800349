import { parseBytes } from '../../../shared/units'
import { messageOf } from '../errors'
import type { Refuse } from './instructions'

/** A `RUN --mount`; what was not given is undefined. */
export interface MountOptions {
  type: 'bind' | 'cache' | 'tmpfs' | 'secret' | 'ssh'
  from?: string
  source?: string
  target?: string
  readOnly?: boolean
  id?: string
  sharing?: 'shared' | 'private' | 'locked'
  required?: boolean
  /** Bytes. */
  size?: number
  mode?: number
  uid?: number
  gid?: number
}

const types = ['bind', 'cache', 'tmpfs', 'secret', 'ssh']

/** Reads `type=cache,target=/x,…` in the words of the Dockerfile reference. */
export function parseMount(text: string, refuse: Refuse): MountOptions {
  const mount: MountOptions = { type: 'bind' }
  for (const field of text.split(',')) {
    const [, key = '', value] = /^([^=]*)(?:=(.*))?$/s.exec(field) ?? []
    const boolean = () => {
      if (value === undefined || value === 'true' || value === '1') return true
      if (value === 'false' || value === '0') return false
      return refuse(`invalid value for ${key}: ${value}`, field)
    }
    const given = () => value ?? refuse(`invalid field '${field}' must be a key=value pair`, field)
    const number = (base: number) => {
      const parsed = /^[0-9]+$/.test(given()) ? parseInt(given(), base) : NaN
      return Number.isNaN(parsed) ? refuse(`invalid value ${value} for ${key}`, field) : parsed
    }
    switch (key.toLowerCase()) {
      case 'type':
        if (!types.includes(given())) refuse(`unsupported mount type "${value}"`, field)
        mount.type = given() as MountOptions['type']
        break
      case 'from':
        mount.from = given()
        break
      case 'source':
      case 'src':
        mount.source = given()
        break
      case 'target':
      case 'dst':
      case 'destination':
        mount.target = given()
        break
      case 'readonly':
      case 'ro':
        mount.readOnly = boolean()
        break
      case 'readwrite':
      case 'rw':
        mount.readOnly = !boolean()
        break
      case 'required':
        mount.required = boolean()
        break
      case 'id':
        mount.id = given()
        break
      case 'sharing':
        if (!['shared', 'private', 'locked'].includes(given())) refuse(`unsupported sharing value "${value}"`, field)
        mount.sharing = given() as MountOptions['sharing']
        break
      case 'size':
        try {
          mount.size = parseBytes(given())
        } catch (error) {
          refuse(`invalid value for ${key}: ${messageOf(error)}`, field)
        }
        break
      case 'mode':
        mount.mode = number(8)
        break
      case 'uid':
        mount.uid = number(10)
        break
      case 'gid':
        mount.gid = number(10)
        break
      default:
        refuse(`unexpected key '${key}' in '${field}'`, field)
    }
  }
  if (!mount.target && mount.type !== 'secret' && mount.type !== 'ssh') {
    refuse(`invalid mount config for type "${mount.type}": target is required`, text)
  }
  return mount
}
