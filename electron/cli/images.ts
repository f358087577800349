import { humanDuration, humanSize } from '../../shared/units'
import { filtersParam } from './client'
import { defineCommand } from './command'
import { goTime, shortId } from './ps'
import { printRows, type Row } from './table'

interface Image {
  Id: string
  RepoTags: string[] | null
  RepoDigests: string[] | null
  Created: number
  Size: number
  Containers: number
}

const headers = { ID: 'IMAGE ID', CreatedSince: 'CREATED', CreatedAt: 'CREATED AT' }
const none = '<none>'

/** One row for each name of an image; with digests, for each of its digests too. */
function toRows(image: Image, cut: boolean, withDigests: boolean, now: number): Row[] {
  const tags = (image.RepoTags ?? []).filter((tag) => tag !== `${none}:${none}`)
  const digests = (image.RepoDigests ?? []).map((digest) => digest.split('@') as [string, string])
  const names = tags.map((tag) => {
    const at = tag.lastIndexOf(':')
    const repository = tag.slice(0, at)
    return { repository, tag: tag.slice(at + 1), digest: digests.find(([name]) => name === repository)?.[1] ?? none }
  })
  const untagged = digests
    .filter(([repository]) => !names.some((name) => name.repository === repository))
    .map(([repository, digest]) => ({ repository, tag: none, digest }))
  const shown = [...names, ...(withDigests || !names.length ? untagged : [])]
  if (!shown.length) shown.push({ repository: none, tag: none, digest: none })
  return shown.map(({ repository, tag, digest }) => ({
    ID: cut ? shortId(image.Id) : image.Id,
    Repository: repository,
    Tag: tag,
    Digest: digest,
    CreatedSince: image.Created > 0 ? `${humanDuration(now - image.Created * 1000)} ago` : 'N/A',
    CreatedAt: goTime(new Date(image.Created * 1000)),
    Size: humanSize(image.Size),
    Containers: image.Containers < 0 ? 'N/A' : String(image.Containers),
  }))
}

export const command = defineCommand({
  usage: '[OPTIONS] [REPOSITORY[:TAG]]',
  summary: 'List images',
  flags: {
    all: { kind: 'bool', short: 'a', help: 'Show all images (default hides intermediate images)' },
    digests: { kind: 'bool', help: 'Show digests' },
    filter: { kind: 'list', short: 'f', value: 'filter', help: 'Filter output based on conditions provided' },
    format: { kind: 'string', help: "Format output: 'table', 'table TEMPLATE', 'json' or a Go template" },
    'no-trunc': { kind: 'bool', help: "Don't truncate output" },
    quiet: { kind: 'bool', short: 'q', help: 'Only show image IDs' },
  },
  args: [0, 1],
  async run({ flags, args, engine }) {
    const images = await engine.call<Image[]>('GET', '/images/json', {
      query: {
        all: flags.all,
        digests: flags.digests,
        filters: filtersParam(flags.filter, args.length ? { reference: args } : {}),
      },
    })
    const now = Date.now()
    const digests = flags.digests || Boolean(flags.format?.includes('.Digest'))
    const rows = images.flatMap((image) => toRows(image, !flags['no-trunc'], digests, now))
    const digest = flags.digests ? '\t{{.Digest}}' : ''
    printRows(rows, {
      format: flags.quiet ? '{{.ID}}' : flags.format,
      columns: `{{.Repository}}\t{{.Tag}}${digest}\t{{.ID}}\t{{.CreatedSince}}\t{{.Size}}`,
      headers,
    })
  },
})
