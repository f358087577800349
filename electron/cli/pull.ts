import { canonicalName, parseReference, withDefaultTag } from '../../shared/reference'
import { defineCommand } from './command'
import { pullImage } from './pull-progress'

export const command = defineCommand({
  usage: '[OPTIONS] NAME[:TAG|@DIGEST]',
  summary: 'Download an image from a registry',
  flags: {
    'all-tags': { kind: 'bool', short: 'a', help: 'Download all tagged images in the repository' },
    platform: { kind: 'string', help: 'Set platform, e.g. linux/386' },
    quiet: { kind: 'bool', short: 'q', help: 'Suppress verbose output' },
  },
  args: [1, 1],
  async run({ flags, args: [reference = ''], engine }) {
    const { tag, digest } = parseReference(reference)
    if (!flags.quiet && !flags['all-tags'] && !tag && !digest) process.stdout.write('Using default tag: latest\n')
    await pullImage(engine, reference, {
      platform: flags.platform,
      allTags: flags['all-tags'],
      out: flags.quiet ? undefined : process.stdout,
    })
    process.stdout.write(`${canonicalName(withDefaultTag(parseReference(reference)))}\n`)
  },
})
