import { randomBytes, randomInt } from 'node:crypto'
import { EngineError } from '../errors'

const moods = (
  'amber bold brave brisk bright calm clever cosy daring deft eager fair fine fond frank gentle glad golden grand ' +
  'happy hardy humble jolly keen kind light lively loyal lucid merry mild modest neat noble patient proud quick quiet ' +
  'ready serene silver sleek smart snug steady still sunny swift tidy trusty vivid warm wise witty'
).split(' ')
const ships = (
  'anchor bark beacon bollard bosun brig buoy cabin capstan clipper compass coracle cutter deck dinghy dory ferry ' +
  'frigate galley gull harbor helm hull jetty junk keel ketch knot lagoon lighthouse lugger mast mooring oar pier ' +
  'pilot punt quay raft reef rigging rudder sail schooner sextant skiff sloop tiller trawler tug wharf yacht yawl'
).split(' ')

/** 64 hex digits whose first twelve are no number: they become a host name. */
export function newId(): string {
  for (;;) {
    const id = randomBytes(32).toString('hex')
    if (/[a-f]/.test(id.slice(0, 12))) return id
  }
}

/** A free name for a container that was given none. */
export function randomName(isTaken: (name: string) => boolean): string {
  for (;;) {
    const name = `${moods[randomInt(moods.length)]}_${ships[randomInt(ships.length)]}`
    const numbered = isTaken(name) ? `${name}${randomInt(10_000)}` : name
    if (!isTaken(numbered)) return numbered
  }
}

/** The name without its slash. Throws 'invalid' for one that breaks Docker's rule. */
export function checkName(name: string): string {
  if (!/^\/?[a-zA-Z0-9][a-zA-Z0-9_.-]+$/.test(name)) {
    throw new EngineError('invalid', `Invalid container name (${name}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed`)
  }
  return name.replace(/^\//, '')
}
