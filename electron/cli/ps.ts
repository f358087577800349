import { displayPorts, type PortSummary } from '../../shared/ports'
import { humanDuration, humanSize } from '../../shared/units'
import { filtersParam } from './client'
import { defineCommand } from './command'
import { printRows, type Row } from './table'

interface Container {
  Id: string
  Names: string[]
  Image: string
  ImageID: string
  Command: string
  Created: number
  State: string
  Status: string
  Ports?: PortSummary[]
  Labels?: Record<string, string>
  Mounts?: { Type: string; Name?: string; Source: string }[]
  NetworkSettings?: { Networks?: Record<string, unknown> }
  SizeRw?: number
  SizeRootFs?: number
}

const headers = { ID: 'CONTAINER ID', RunningFor: 'CREATED', CreatedAt: 'CREATED AT', LocalVolumes: 'LOCAL VOLUMES' }

/** Cuts a text to a width, the last place being an ellipsis. */
const shorten = (text: string, width: number) =>
  [...text].length > width ? `${[...text].slice(0, width - 1).join('')}…` : text

function toRow(container: Container, cut: boolean, now: number): Row {
  const { Id, Names, Image, ImageID, Command, Created, Labels = {}, Mounts = [], SizeRw = 0, SizeRootFs } = container
  const ago = `${humanDuration(now - Created * 1000)} ago`
  // The engine names a container by its image's id once the tag has moved on.
  const image = cut && Image && Image === ImageID ? shortId(Image) : Image
  const names = Names.map((name) => name.replace(/^\//, '')).filter((name) => !cut || !name.includes('/'))
  return {
    ID: cut ? shortId(Id) : Id,
    Names: names.join(','),
    Image: image || '<no image>',
    Command: JSON.stringify(cut ? shorten(Command, 20) : Command),
    CreatedAt: goTime(new Date(Created * 1000)),
    RunningFor: ago,
    State: container.State,
    Status: container.Status,
    Ports: displayPorts(container.Ports ?? []),
    Size: humanSize(SizeRw) + (SizeRootFs ? ` (virtual ${humanSize(SizeRootFs)})` : ''),
    Labels: Object.entries(Labels)
      .map(([key, value]) => `${key}=${value}`)
      .join(','),
    Label: (key: string) => Labels[key] ?? '',
    Mounts: Mounts.map((mount) => mount.Name || mount.Source)
      .map((name) => (cut ? shorten(name, 15) : name))
      .join(','),
    LocalVolumes: String(Mounts.filter((mount) => mount.Type === 'volume').length),
    Networks: Object.keys(container.NetworkSettings?.Networks ?? {}).join(','),
  }
}

/** The first twelve digits of an id, as Docker shows it. */
export const shortId = (id: string) => id.replace(/^sha256:/, '').slice(0, 12)

/** A moment as Go's `time.Time.String()` prints it in local time: `2026-01-02 03:04:05 +0000 UTC`. */
export function goTime(date: Date): string {
  const offset = -date.getTimezoneOffset()
  const two = (number: number) => String(Math.floor(Math.abs(number))).padStart(2, '0')
  const zone = (offset < 0 ? '-' : '+') + two(offset / 60) + two(offset % 60)
  const local = new Date(date.getTime() + offset * 60_000).toISOString().slice(0, 19).replace('T', ' ')
  const name = new Intl.DateTimeFormat('en', { timeZoneName: 'short' }).formatToParts(date).at(-1)!.value
  return `${local} ${zone} ${name}`
}

export const command = defineCommand({
  usage: '[OPTIONS]',
  summary: 'List containers',
  flags: {
    all: { kind: 'bool', short: 'a', help: 'Show all containers (default shows just running)' },
    filter: { kind: 'list', short: 'f', value: 'filter', help: 'Filter output based on conditions provided' },
    format: { kind: 'string', help: "Format output: 'table', 'table TEMPLATE', 'json' or a Go template" },
    last: { kind: 'int', short: 'n', help: 'Show n last created containers (includes all states)' },
    latest: { kind: 'bool', short: 'l', help: 'Show the latest created container (includes all states)' },
    'no-trunc': { kind: 'bool', help: "Don't truncate output" },
    quiet: { kind: 'bool', short: 'q', help: 'Only display container IDs' },
    size: { kind: 'bool', short: 's', help: 'Display total file sizes' },
  },
  args: [0, 0],
  async run({ flags, engine }) {
    const containers = await engine.call<Container[]>('GET', '/containers/json', {
      query: {
        all: flags.all,
        limit: flags.latest ? 1 : flags.last && flags.last > 0 ? flags.last : undefined,
        size: flags.size || /\.Size|json \./.test(flags.format ?? ''),
        filters: filtersParam(flags.filter),
      },
    })
    const now = Date.now()
    const rows = containers.map((container) => toRow(container, !flags['no-trunc'], now))
    const columns = '{{.ID}}\t{{.Image}}\t{{.Command}}\t{{.RunningFor}}\t{{.Status}}\t{{.Ports}}\t{{.Names}}'
    printRows(rows, {
      format: flags.quiet ? '{{.ID}}' : flags.format,
      columns: columns + (flags.size ? '\t{{.Size}}' : ''),
      headers,
    })
  },
})
