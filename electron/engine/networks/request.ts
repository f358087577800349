import { z } from 'zod'
import { EngineError } from '../errors'
import { contains, formatAddress, formatSubnet, overlaps, parseAddress, parseSubnet, type Subnet } from './addresses'
import { isPredefined, option, parseBoolean } from './network'

const strings = z
  .record(z.string(), z.string())
  .nullish()
  .transform((value) => value ?? {})
const boolean = z
  .boolean()
  .nullish()
  .transform((value) => value ?? false)
const text = z
  .string()
  .nullish()
  .transform((value) => value ?? '')

/** The body of POST /networks/create. */
export const networkBody = z.object({
  Name: text,
  Driver: text,
  Scope: text,
  Internal: boolean,
  Attachable: boolean,
  Ingress: boolean,
  ConfigOnly: boolean,
  ConfigFrom: z.object({ Network: text }).nullish(),
  EnableIPv4: z.boolean().nullish(),
  EnableIPv6: boolean,
  IPAM: z
    .object({
      Driver: text,
      Options: z.record(z.string(), z.string()).nullish(),
      Config: z
        .array(z.object({ Subnet: text, IPRange: text, Gateway: text, AuxiliaryAddresses: strings }))
        .nullish()
        .transform((value) => value ?? []),
    })
    .nullish(),
  Options: strings,
  Labels: strings,
})
export type NetworkBody = z.infer<typeof networkBody>

/** One entry of IPAM.Config that names its subnet. */
export interface AskedPool {
  subnet: Subnet
  range?: Subnet
  gateway?: string
  aux: Record<string, string>
}

const invalid = (message: string) => new EngineError('invalid', message)

/**
 * Checks a request against Docker's rules and gives the pools that it names, those of a family that is off left out.
 * Throws 'forbidden' for a predefined name, 'invalid' for what makes no sense, 'unsupported' for what this engine lacks.
 */
export function checkNetwork(body: NetworkBody): AskedPool[] {
  if (isPredefined(body.Name))
    throw new EngineError('forbidden', `operation is not permitted on predefined ${body.Name} network `)
  if (body.Name.trim() === '') throw invalid('invalid name: name is empty')
  checkDriver(body)
  checkOptions(body.Options)
  const ipv4 = body.EnableIPv4 ?? true
  if (!ipv4 && !body.EnableIPv6) throw invalid('IPv4 or IPv6 must be enabled')
  const pools = checkIpam(body, body.EnableIPv6)
  return pools.filter(({ subnet }) => (subnet.family === 4 ? ipv4 : body.EnableIPv6))
}

function checkDriver({ Driver: driver, Scope, IPAM, Ingress, ConfigOnly, ConfigFrom }: NetworkBody): void {
  if (driver === 'host' || driver === 'null' || driver === 'none') {
    throw new EngineError('forbidden', `only one instance of "${driver}" network is allowed`)
  }
  if (driver === 'overlay' || Ingress || !['', 'local'].includes(Scope)) {
    const hint = 'Use "docker swarm init" or "docker swarm join" to connect this node to swarm and try again.'
    throw new EngineError('forbidden', `This node is not a swarm manager. ${hint}`)
  }
  if (['macvlan', 'ipvlan'].includes(driver) || ConfigOnly || ConfigFrom?.Network) {
    const what = ConfigOnly || ConfigFrom?.Network ? 'networks made from configurations' : `${driver} networks`
    throw new EngineError('unsupported', `${what} are not available: use a bridge network`)
  }
  if (!['', 'default', 'bridge'].includes(driver)) throw new EngineError('notFound', `plugin "${driver}" not found`)
  if (IPAM && !['', 'default'].includes(IPAM.Driver)) {
    throw new EngineError('notFound', `could not resolve driver "${IPAM.Driver}" in registry: plugin not found`)
  }
}

/** Options with a meaning must have one; unknown ones are kept as they are. */
function checkOptions(options: Record<string, string>): void {
  const failed = (name: string, reason: string) =>
    invalid(`failed to parse ${name} value: ${options[name]} (${reason})`)
  for (const name of [option.icc, option.masquerade, option.mtu, option.bindingAddress, option.bridgeName]) {
    const value = options[name]
    if (value === undefined) continue
    if ((name === option.icc || name === option.masquerade) && parseBoolean(value) === undefined) {
      throw failed(name, `strconv.ParseBool: parsing ${JSON.stringify(value)}: invalid syntax`)
    }
    if (name === option.mtu && !/^\d{1,5}$/.test(value)) {
      throw failed(name, `strconv.Atoi: parsing ${JSON.stringify(value)}: invalid syntax`)
    }
    if (name === option.bindingAddress && !parseAddress(value)) throw failed(name, 'nil ip')
    if (name === option.bridgeName && !/^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,14}$/.test(value)) {
      throw invalid(`invalid bridge name ${JSON.stringify(value)}: an interface's name has at most 15 letters`)
    }
  }
  for (const family of ['ipv4', 'ipv6']) {
    const mode = options[`com.docker.network.bridge.gateway_mode_${family}`]
    if (mode !== undefined && !['nat', 'nat-unprotected'].includes(mode)) {
      throw new EngineError('unsupported', `the gateway mode "${mode}" is not available: use nat`)
    }
  }
}

function checkIpam({ IPAM }: NetworkBody, ipv6: boolean): AskedPool[] {
  const problems: string[] = []
  const pools: AskedPool[] = []
  for (const { Subnet, IPRange, Gateway, AuxiliaryAddresses } of IPAM?.Config ?? []) {
    if (Subnet === '') {
      if (IPRange || Gateway) problems.push(`no subnet for ${IPRange ? `ip-range ${IPRange}` : `gateway ${Gateway}`}`)
      continue
    }
    const subnet = parseSubnet(Subnet)
    if (!subnet) {
      problems.push(`invalid subnet ${Subnet}: invalid CIDR block notation`)
      continue
    }
    if (subnet.family === 6 && !ipv6) continue
    if (!isMasked(Subnet, subnet)) problems.push(`invalid subnet ${Subnet}: it should be ${formatSubnet(subnet)}`)
    const range = IPRange === '' ? undefined : parseSubnet(IPRange)
    if (IPRange !== '') problems.push(...rangeProblems(IPRange, range, subnet))
    if (Gateway !== '') problems.push(...addressProblems(`gateway ${Gateway}`, Gateway, subnet))
    for (const [name, address] of Object.entries(AuxiliaryAddresses)) {
      problems.push(...addressProblems(`auxiliary address ${name}`, address, subnet))
    }
    pools.push({ subnet, range, gateway: Gateway || undefined, aux: AuxiliaryAddresses })
  }
  if (problems.length > 0) throw invalid(`invalid network config:\n${joined(problems)}`)
  for (const [i, pool] of pools.entries()) {
    if (pools.slice(0, i).some((other) => overlaps(other.subnet, pool.subnet))) throw overlap()
  }
  return pools
}

export const overlap = () =>
  new EngineError('forbidden', 'invalid pool request: Pool overlaps with other one on this address space')

function isMasked(given: string, subnet: Subnet): boolean {
  const address = parseAddress(given.slice(0, given.indexOf('/')))
  return address?.value === subnet.base
}

function rangeProblems(given: string, range: Subnet | undefined, subnet: Subnet): string[] {
  if (!range) return [`invalid ip-range ${given}: invalid CIDR block notation`]
  if (range.family !== subnet.family)
    return [`invalid ip-range ${given}: parent subnet is an IPv${subnet.family} block`]
  const parent = formatSubnet(subnet)
  const problems: string[] = []
  if (range.prefix < subnet.prefix)
    problems.push(`invalid ip-range ${given}: CIDR block is bigger than its parent subnet ${parent}`)
  if (!isMasked(given, range)) problems.push(`invalid ip-range ${given}: it should be ${formatSubnet(range)}`)
  if (!overlaps(range, subnet))
    problems.push(`invalid ip-range ${given}: parent subnet ${parent} doesn't contain ip-range`)
  return problems
}

function addressProblems(what: string, given: string, subnet: Subnet): string[] {
  const address = parseAddress(given)
  if (!address) return [`invalid ${what}: invalid address`]
  if (address.family !== subnet.family) return [`invalid ${what}: parent subnet is an IPv${subnet.family} block`]
  if (contains(subnet, address)) return []
  return [`invalid ${what}: parent subnet ${formatSubnet(subnet)} doesn't contain this address`]
}

/** Go's way to tell of several errors at once. */
export function joined(problems: string[]): string {
  return problems.length === 1 ? problems[0]! : problems.map((problem) => `* ${problem}`).join('\n')
}

/** An address in its canonical form. */
export const canonical = (address: string) => formatAddress(parseAddress(address)!)
