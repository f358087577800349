import { randomUUID } from 'node:crypto'
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { berthVersion, maxApiVersion } from '../../shared/version'
import { starterImage } from '../machine/files'
import type { Reply, Request } from '../machine/contract'
import { MachineError, type DriverName, type StageReport } from '../machine/machine'
import { absentRoutes } from './api/absent'
import { berthRoutes } from './api/berth'
import { buildRoutes } from './api/build'
import { commitRoutes } from './api/commit'
import { containerRoutes } from './api/containers'
import { execRoutes } from './api/exec'
import { exploreRoutes } from './api/explore'
import { imageRoutes } from './api/images'
import { networkRoutes } from './api/networks'
import { registryRoutes } from './api/registry'
import { createApiServer } from './api/server'
import { systemRoutes } from './api/system'
import { volumeRoutes } from './api/volumes'
import { Builds } from './builds/builds'
import { BuildCache } from './builds/cache'
import { CacheMounts } from './builds/cache-mounts'
import { Containers } from './containers/containers'
import { messageOf } from './errors'
import { Events } from './events/events'
import { Images } from './images/images'
import { answer } from './networks/dns'
import { forward } from './networks/forward'
import { Networks } from './networks/networks'
import { Ports } from './networks/ports'
import { dialHere } from './networks/tcp-proxy'
import { dialDatagramsBy, dialDatagramsHere } from './networks/udp-proxy'
import { Registries } from './registry/registries'
import { ContentStore } from './store/content'
import { openDatabase, type Db } from './store/database'
import { readEngineConfig } from './system/config'
import { listen, listenOn } from './system/listen'
import { openLog } from './system/log'
import { chooseDriver } from './system/drivers'
import { chosenMachine } from './system/machine-choice'
import { MachineHost } from './system/machine-host'
import { MachineLog } from './system/machine-log'
import { readMachineSettings } from './system/machine-settings'
import { tcpHosts } from './system/tls'
import { Volumes } from './volumes/volumes'

export interface EngineOptions {
  /** native, builtin or auto. */
  machine: string
  dataDir: string
  /** unix://PATH or npipe://PIPE */
  host: string
  onStage: (report: StageReport) => void
}

export interface Engine {
  machine: DriverName
  /** Closes the API, then the machine; on native the containers go on. */
  stop: () => Promise<void>
}

/**
 * Brings up the whole engine: the machine, the services on it, the API. Rejects with a MachineError (stage, cause, fix)
 * and leaves nothing running.
 */
export async function startEngine(options: EngineOptions): Promise<Engine> {
  const { dataDir, onStage } = options
  await mkdir(dataDir, { recursive: true, mode: 0o711 })
  const config = await readEngineConfig(dataDir)
  const tcp = await tcpHosts(config)
  const log = openLog(join(dataDir, 'log', 'engine.log'))
  const choice = await chooseDriver(options.machine === 'auto' ? await chosenMachine(dataDir) : options.machine)
  const machine = choice.driver.name
  // The objects of each machine are kept apart: its layers and volumes lie in it.
  const dir = join(dataDir, machine)
  await mkdir(dir, { recursive: true, mode: 0o711 })
  const db = openExclusively(join(dir, 'engine.db'), dataDir)

  const events = new Events()
  const machineLog = new MachineLog(log)
  const host: MachineHost = new MachineHost({
    choice,
    dir,
    settings: await readMachineSettings(dir),
    log,
    machineLog: (line) => machineLog.add(line),
    onStage,
    answers: { dns: (request) => answerDns(request as Request<'dns'>) },
    onEvent: (event) => containers.onGuestEvent(event),
    onHello: async (hello, fresh) => {
      images.guestHas(hello.layers)
      networks.start()
      await containers.reconcile(hello, fresh)
    },
    onStopping: () => containers.hold(),
    inUse: () => containers.inUse(),
  })
  const guest = () => host.guest()
  const facts = () => host.facts()
  const features = () => host.features
  const content = new ContentStore(join(dir, 'content'))
  const registries = new Registries(config, dataDir)
  const images = new Images({
    db,
    content,
    guest,
    facts,
    sharesFiles: () => features().hostBinds,
    events,
    usedBy: (imageId) => containers.usingImage(imageId),
    registries,
    config,
    retryDelay: 1000,
  })
  const volumes = new Volumes({ db, guest, events, usedBy: (name) => containers.usingVolume(name) })
  const networks = new Networks({ db, guest, facts, events, hostNetwork: () => features().hostNetwork })
  const ports = new Ports({
    dial: async (address, port) =>
      features().hostNetwork
        ? dialHere(address, port)
        : guest().open('dial', { network: 'tcp', address: `${address}:${port}` }),
    dialDatagrams: (...flow) =>
      features().hostNetwork ? dialDatagramsHere(...flow) : dialDatagramsBy(dialGuest)(...flow),
    mayReach: (remote, ids) => networks.mayReach(remote, ids),
  })
  const dialGuest = (address: string) => guest().open('dial', { network: 'udp', address })
  const containers: Containers = new Containers({
    db,
    guest,
    facts,
    features,
    events,
    images,
    volumes,
    networks,
    ports,
    log,
    whenRunning: (signal) => host.whenRunning(signal),
  })
  const cache = new BuildCache(db)
  const mounts = new CacheMounts(db, guest)
  const builds = new Builds({ guest, facts, images, containers, cache, mounts }, join(dir, 'builds'))

  async function answerDns({ container, transport, message }: Request<'dns'>): Promise<Reply<'dns'>> {
    const asker = containers.dnsAsker(container) ?? { outside: true, servers: undefined, ndots: false }
    const places = networks.placesOf(container)
    const bytes = await answer({ ...asker, places }, Buffer.from(message, 'base64'), transport, forward)
    return { message: bytes.toString('base64') }
  }

  const system = {
    instance: instanceOf(db),
    dataDir,
    facts,
    containers: () => containers.counts(),
    images: () => images.count(),
    registries: () => registries.info(),
    listeners: () => events.listeners,
  }
  const api = {
    routes: [
      ...systemRoutes(system, events, { containers, images, volumes, builds }),
      ...containerRoutes(containers),
      ...execRoutes(containers),
      ...imageRoutes(images, registries),
      ...registryRoutes(registries),
      ...buildRoutes(builds),
      ...commitRoutes(containers, images),
      ...volumeRoutes(volumes),
      ...networkRoutes(networks, containers),
      ...absentRoutes(),
      ...exploreRoutes(images, registries, () => facts().arch),
      ...berthRoutes({ host, dataDir, dir, log: machineLog }),
    ],
    headers: {
      'Api-Version': maxApiVersion,
      'Builder-Version': '1',
      'Docker-Experimental': 'false',
      Ostype: 'linux',
      Server: `Berth/${berthVersion} (linux)`,
      Swarm: 'inactive',
    },
    onError: (error: unknown, request: string) =>
      log(`${request}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`),
  }
  const servers = [createApiServer(api)]

  const pidFile = join(dataDir, 'engine.pid')
  const stop = async () => {
    for (const server of servers) {
      server.close()
      server.closeAllConnections()
    }
    await containers.stop()
    await registries.close()
    await host.close().catch((error: unknown) => log(`stop: ${messageOf(error)}`))
    db.close()
    await rm(pidFile, { force: true })
    await log.close()
  }
  try {
    await content.open()
    await builds.open()
    await host.start()
    onStage({ stage: 'engine', text: 'Starting the engine' })
    await images.archives.loadStarter(starterImage())
    await listen(servers[0]!, options.host)
    for (const address of tcp) {
      const server = createApiServer(api, address.tls)
      servers.push(server)
      await listenOn(server, address)
    }
    await writeFile(pidFile, String(process.pid))
  } catch (error) {
    await stop()
    throw error
  }
  log(`engine ${berthVersion} ready on ${options.host}, machine ${machine} (${choice.why})`)
  return { machine, stop }
}

function openExclusively(file: string, dataDir: string): Db {
  try {
    return openDatabase(file)
  } catch (error) {
    if ((error as { code?: string }).code !== 'SQLITE_BUSY') throw error
    throw new MachineError(
      'files',
      `Another engine is using ${dataDir}.`,
      'Use that one, stop it, or give another --data-dir.',
    )
  }
}

function instanceOf(db: Db): string {
  db.prepare("INSERT OR IGNORE INTO meta VALUES ('instance', ?)").run(randomUUID())
  return (db.prepare("SELECT value FROM meta WHERE key = 'instance'").get() as { value: string }).value
}
