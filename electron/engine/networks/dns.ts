import { decode, encode, RECURSION_AVAILABLE, RECURSION_DESIRED, type Answer, type Packet } from 'dns-packet'
import type { Family } from './addresses'
import { addressesOf, nameOf, type Place } from './names'

/** Who asks: what names it sees, and where its other questions may go. */
export interface Asker {
  /** Its places in user-defined networks; none for one on the default bridge, which has no names. */
  places: Place[]
  /** Whether questions are carried outside at all: not from a container that only internal networks hold. */
  outside: boolean
  /** Nameservers of its own (--dns). */
  servers: string[] | undefined
  /** It has set ndots: names without a dot are then not asked outside. */
  ndots: boolean
}

/** Seconds that an answer may be kept, as dockerd has it. */
const ttl = 600
const serverFailure = 2

/** Asks nameservers outside; see forward.ts. */
export type Forward = (message: Buffer, transport: 'udp' | 'tcp', servers?: string[]) => Promise<Buffer | undefined>

/**
 * Answers a DNS message (RFC 1035) as dockerd's embedded server does: names, aliases and addresses of the networks that
 * the asker is in from here, all else from outside; SERVFAIL when there is no answer there.
 */
export async function answer(
  asker: Asker,
  message: Buffer,
  transport: 'udp' | 'tcp',
  forward: Forward,
): Promise<Buffer> {
  const query = decode(message)
  const question = query.questions?.[0]
  if (!question) return reply(query, [], serverFailure)
  const known = lookUp(asker.places, question.name, question.type)
  if (known) return reply(query, known)
  const isAddress = question.type === 'A' || question.type === 'AAAA'
  if (isAddress && asker.ndots && !question.name.replace(/\.$/, '').includes('.')) return reply(query, [])
  const found = asker.outside ? await forward(message, transport, asker.servers) : undefined
  return found ?? reply(query, [], serverFailure)
}

function lookUp(places: Place[], name: string, type: string): Answer[] | undefined {
  const common = { name, ttl }
  const addresses = (family: Family) => addressesOf(places, name, family)
  switch (type) {
    case 'A':
      return shuffled(addresses(4))?.map((data) => ({ ...common, type: 'A', data }))
    case 'AAAA':
      return shuffled(addresses(6))?.map((data) => ({ ...common, type: 'AAAA', data }))
    case 'MX':
      return addresses(4) && []
    case 'PTR': {
      const host = nameOf(places, name)
      return host === undefined ? undefined : [{ ...common, type: 'PTR', data: host }]
    }
    default:
      return undefined
  }
}

/** Several addresses come in another order each time, so that clients spread over them. */
function shuffled<T>(list: T[] | undefined): T[] | undefined {
  return list
    ?.map((item) => ({ item, order: Math.random() }))
    .sort((a, b) => a.order - b.order)
    .map(({ item }) => item)
}

function reply(query: Packet, answers: Answer[], code = 0): Buffer {
  const flags = ((query.flags ?? 0) & RECURSION_DESIRED) | RECURSION_AVAILABLE | code
  return encode({ type: 'response', id: query.id, flags, questions: query.questions, answers })
}
