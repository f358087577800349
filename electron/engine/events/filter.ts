import { EngineError } from '../errors'
import { matchesLabels } from '../api/http'
import type { DockerEvent } from './events'

/**
 * A time of the API: seconds since 1970 with an optional fraction, or RFC 3339. Answers seconds since 1970, undefined
 * for none. Throws 'invalid' for anything else.
 */
export function parseTime(text: string | null): number | undefined {
  if (!text) return undefined
  if (/^\d+(\.\d+)?$/.test(text)) return Number(text)
  const parsed = Date.parse(text)
  if (Number.isNaN(parsed)) throw new EngineError('invalid', `failed to parse value as time or duration: "${text}"`)
  return parsed / 1000
}

/** Whether the event passes the filters of GET /events: values of one name are alternatives, names must all match. */
export function matchesEvent(event: DockerEvent, wanted: Map<string, string[]>): boolean {
  for (const [name, values] of wanted) {
    if (name === 'label') {
      if (!matchesLabels(event.Actor.Attributes, values)) return false
    } else if (!values.some((value) => matchesOne(event, name, value))) return false
  }
  return true
}

function matchesOne(event: DockerEvent, name: string, value: string): boolean {
  const { ID, Attributes } = event.Actor
  switch (name) {
    case 'type':
      return event.Type === value
    case 'event':
      // exec events carry the command after a colon: "exec_create: sh".
      return event.Action === value || event.Action.startsWith(`${value}:`)
    case 'scope':
      return event.scope === value
    case 'id':
      return ID.startsWith(value)
    case 'image':
      return event.Type === 'image'
        ? names(ID, Attributes.name, value)
        : event.Type === 'container' && imageIs(Attributes.image, value)
    case 'container':
      return event.Type === 'container' ? names(ID, Attributes.name, value) : Attributes.container === value
    default:
      return event.Type === name && names(ID, Attributes.name, value)
  }
}

const names = (id: string, name: string | undefined, value: string): boolean =>
  name === value || id === value || (value.length >= 4 && id.startsWith(value))

const imageIs = (image: string | undefined, value: string): boolean => image === value || image?.split(':')[0] === value
