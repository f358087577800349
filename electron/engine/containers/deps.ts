import type { GuestFacts } from '../../machine/contract'
import type { Guest } from '../../machine/guest'
import type { MachineFeatures } from '../../machine/machine'
import type { Events } from '../events/events'
import type { Images } from '../images/images'
import type { Networks } from '../networks/networks'
import type { Ports } from '../networks/ports'
import type { Db } from '../store/database'
import type { Volumes } from '../volumes/volumes'

/** What the containers need of the rest of the engine. */
export interface ContainersOptions {
  db: Db
  /** Throws 'unavailable' while no machine can run; calls resume a suspended one. */
  guest: () => Pick<Guest, 'call' | 'open'>
  facts: () => GuestFacts
  features: () => Pick<MachineFeatures, 'hostBinds' | 'hostNetwork'>
  events: Events
  images: Pick<Images, 'resolve' | 'ensureUnpacked' | 'layerIds' | 'size'>
  volumes: Pick<Volumes, 'ensure' | 'remove' | 'mountOf'>
  networks: Pick<Networks, 'resolve' | 'connect' | 'adopt' | 'disconnect' | 'tell' | 'nameservers' | 'hostGateway'>
  ports: Pick<Ports, 'publish' | 'retarget' | 'release'>
  /** Resolves as soon as the machine runs, without making it: time stands still in a machine that is suspended. */
  whenRunning: (signal?: AbortSignal) => Promise<void>
  /** A line for the engine's log. */
  log: (line: string) => void
}
