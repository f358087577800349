import { parseAddress, reverseName, type Family } from './addresses'
import type { Attachment } from './attachment'

/** A network that somebody is in: its name and the places of all who are in it. */
export interface Place {
  network: string
  own: Attachment
  others: Attachment[]
}

/**
 * The addresses that a name stands for to a container with these places, by dockerd's rules: its own links before names
 * and aliases, `name` and `name.network` alike. Empty when the name is known and has no address of the family; undefined
 * when it is not known.
 */
export function addressesOf(places: readonly Place[], asked: string, family: Family): string[] | undefined {
  const name = asked.toLowerCase().replace(/\.$/, '')
  for (const [own, network] of splits(name)) {
    const there = places.filter((place) => network === undefined || place.network.toLowerCase() === network)
    const linked = there.map((place) => ({ place, target: linkOf(place.own, own) }))
    for (const { place, target } of linked) {
      const found = target === undefined ? undefined : inPlace(place, target.toLowerCase(), family)
      if (found) return found
    }
    for (const { place, target } of linked) {
      const found = target === undefined ? inPlace(place, own, family) : undefined
      if (found) return found
    }
  }
  return undefined
}

/** The full name of who has the address that a PTR question (its name, e.g. 2.0.17.172.in-addr.arpa) is about. */
export function nameOf(places: readonly Place[], reverse: string): string | undefined {
  const wanted = reverse.toLowerCase().replace(/\.$/, '')
  for (const { network, others } of places) {
    for (const { address, address6, dnsNames } of others) {
      const names = [address, address6].filter((text) => text !== '').map((text) => reverseName(parseAddress(text)!))
      if (names.includes(wanted) && dnsNames[0]) return `${dnsNames[0]}.${network}`
    }
  }
  return undefined
}

/** a.b.c is looked for as it is, as a.b in the network c, and as a in the network b.c. */
function* splits(name: string): Generator<[name: string, network: string | undefined]> {
  yield [name, undefined]
  for (let at = name.lastIndexOf('.'); at > 0; at = name.lastIndexOf('.', at - 1)) {
    yield [name.slice(0, at), name.slice(at + 1)]
  }
}

function linkOf({ links }: Attachment, name: string): string | undefined {
  return Object.entries(links).find(([alias]) => alias.toLowerCase() === name)?.[1]
}

function inPlace({ others }: Place, name: string, family: Family): string[] | undefined {
  const found = others.filter(({ dnsNames }) => dnsNames.some((own) => own.toLowerCase() === name))
  if (found.length === 0) return undefined
  return found.map(({ address, address6 }) => (family === 4 ? address : address6)).filter((address) => address !== '')
}
