/** What the tests of guests share: a network, a container of the starter image, and what it printed. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { unpackTar } from 'modern-tar'
import { protocol, type Reply, type Request } from '../../electron/machine/contract'
import type { Link } from '../../electron/machine/link'

export const layer = '00000000000000aa'

export const network = {
  bridge: 'berth-0000test',
  addresses: ['172.30.0.1/16'],
  mtu: 1500,
  masquerade: true,
  icc: true,
  internal: false,
  exclusive: false,
  dns: true,
}

export function hello(link: Link): Promise<Reply<'hello'>> {
  return link.call('hello', { protocol, time: new Date().toISOString() })
}

/** A container of the starter image on the bridge that runs a shell's command, with the limits (`linux.resources`). */
export function containerOf(id: string, command: string, resources: object = {}): Request<'container.start'> {
  return {
    id,
    root: { id, layers: [layer] },
    spec: {
      ociVersion: '1.0.2',
      process: { args: ['sh', '-c', command], env: ['PATH=/bin'], cwd: '/', capabilities: {} },
      root: { path: 'rootfs' },
      hostname: 'berth-test',
      mounts: [
        { destination: '/proc', type: 'proc', source: 'proc' },
        { destination: '/dev', type: 'tmpfs', source: 'tmpfs', options: ['nosuid', 'mode=755'] },
      ],
      linux: {
        cgroupsPath: `/berth/${id}`,
        resources,
        namespaces: ['pid', 'ipc', 'uts', 'mount', 'network', 'cgroup'].map((type) => ({ type })),
      },
    },
    user: '',
    groups: [],
    tty: false,
    rows: 24,
    cols: 80,
    openStdin: false,
    stdinOnce: false,
    init: false,
    log: { driver: 'json-file', maxSize: -1, maxFile: 1 },
    files: [],
    mounts: [],
    network: {
      mode: 'bridge',
      endpoints: [
        {
          name: 'eth0',
          bridge: network.bridge,
          hostName: `veth${id}`,
          mac: '02:42:ac:1e:00:02',
          addresses: ['172.30.0.2/16'],
          gateways: ['172.30.0.1'],
          mtu: 1500,
        },
      ],
      dns: false,
    },
  }
}

/** The container's log once it has ended, without the stdio framing. */
export async function output(link: Link, id: string): Promise<string> {
  const request = { id, stdout: true, stderr: true, tail: -1, follow: true, timestamps: false, raw: true }
  const chunks: Buffer[] = []
  for await (const chunk of link.open('logs', request)) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks).toString()
}

/** Puts the starter image's one layer for the architecture into the guest. Gives the size that it has there. */
export async function applyStarter(link: Link, architecture: string): Promise<number> {
  const apply = link.open('layer.apply', { id: layer, parents: [] })
  apply.end(await starterLayer(architecture))
  return (await apply.reply).size
}

async function starterLayer(architecture: string): Promise<Buffer> {
  const starter = join(import.meta.dirname, '../../.cache/starter/busybox.tar')
  const blobs = new Map((await unpackTar(readFileSync(starter))).map(({ header, data }) => [header.name, data]))
  type Index = { manifests: { digest: string; platform?: { architecture: string } }[] }
  const blobOf = (digest: string) => Buffer.from(blobs.get(`blobs/${digest.replace(':', '/')}`)!)
  const json = <T>(digest: string) => JSON.parse(blobOf(digest).toString()) as T
  const { manifests } = JSON.parse(Buffer.from(blobs.get('index.json')!).toString()) as Index
  const platforms = json<Index>(manifests[0]!.digest).manifests
  const { digest } = platforms.find(({ platform }) => platform?.architecture === architecture)!
  const { layers } = json<{ layers: { digest: string }[] }>(digest)
  return gunzipSync(blobOf(layers[0]!.digest))
}
