import { followTransfer } from '../../api/transfer'
import { request } from '../../api/client'
import { sendFile } from '../../api/send'
import { call } from '../../bridge'
import { prompt } from '../../composables/usePrompt'
import { familiarName } from '../../lib/format'
import { type Image, titleOf, useImages } from '../../stores/images'
import { useNotices } from '../../stores/notices'
import { useTasks } from '../../stores/tasks'

const faultOfName = (text: string) =>
  /^[a-z0-9][\w./:-]*$/i.test(text) ? undefined : 'A name is like owner/name:tag, or registry:5000/owner/name:tag.'

/** What can be done with an image, or to get one, that is more than one call. */
export function useImageActions() {
  const images = useImages()
  const tasks = useTasks()
  const notices = useNotices()

  async function tag(image: Image): Promise<void> {
    const name = await prompt({
      title: `Another name for ${familiarName(titleOf(image))}`,
      label: 'Name',
      value: '',
      placeholder: 'registry:5000/owner/name:tag',
      action: 'Add',
      fault: faultOfName,
    })
    if (name) await images.tag(image, name).catch((cause) => notices.failed(`${name} was not added`, cause))
  }

  async function push(image: Image): Promise<void> {
    const name = await prompt({
      title: 'Push to a registry',
      label: 'Name',
      value: image.tags[0] ?? '',
      hint: 'The registry is the part before the first slash. Log in to it on the Registry page.',
      action: 'Push',
      fault: faultOfName,
    })
    if (!name) return
    await tasks.run({ title: `Pushing ${name}`, done: `${name} was pushed`, route: `/images/${image.id}` }, async (task, signal) => {
      if (!image.tags.includes(name)) await images.tag(image, name)
      const [, repository, label] = /^(.*?)(?::([^:/]+))?$/.exec(name)!
      const query = { tag: label ?? 'latest' }
      await followTransfer(await request('POST', `/images/${repository}/push`, { query, signal }), task)
    }) // prettier-ignore
  }

  function save(image: Image): Promise<unknown> {
    const name = titleOf(image)
    const names = (image.tags.length ? image.tags : [image.id]).map((each) => `names=${encodeURIComponent(each)}`)
    const file = `${familiarName(name).replaceAll(/[/:]/g, '-')}.tar`
    return tasks.run(
      { title: `Saving ${familiarName(name)}`, done: `${familiarName(name)} was saved` },
      async (task) => {
        const saved = await call('app', 'save', `/images/get?${names.join('&')}`, file)
        if (saved) task.status = saved
      },
    )
  }

  /** Loads archives of images, one after the other. */
  async function load(paths: string[]): Promise<void> {
    for (const path of paths) {
      const file = path.slice(Math.max(path.lastIndexOf('/'), path.lastIndexOf('\\')) + 1)
      await tasks.run({ title: `Loading ${file}`, done: `${file} was loaded`, route: '/images' }, async (task, signal) => {
        const text = await followTransfer(await sendFile(path, 'POST', '/images/load?quiet=0', signal), task)
        task.status = text.trim().split('\n').at(-1) ?? ''
        notices.done(`${file} was loaded`, task.status)
      }) // prettier-ignore
    }
  }

  async function chooseAndLoad(): Promise<void> {
    await load(await call('files', 'choose', 'files', 'Load archives of images', ['tar', 'gz', 'tgz', 'xz', 'zst']))
  }

  /** Makes an image of one layer from an archive of a file system. */
  async function importArchive(): Promise<void> {
    const [path] = await call('files', 'choose', 'file', 'Import a file system', ['tar', 'gz', 'tgz', 'xz'])
    if (!path) return
    const name = await prompt({ title: 'Import a file system', label: 'Name of the image', value: '', placeholder: 'mine:latest', action: 'Import', fault: faultOfName }) // prettier-ignore
    if (!name) return
    const [, repo, label = 'latest'] = /^(.*?)(?::([^:/]+))?$/.exec(name)!
    await tasks.run({ title: `Importing ${name}`, done: `${name} was imported`, route: '/images' }, async (task, signal) => {
      const to = `/images/create?${new URLSearchParams({ fromSrc: '-', repo: repo!, tag: label })}`
      await followTransfer(await sendFile(path, 'POST', to, signal), task)
    }) // prettier-ignore
  }

  return { tag, push, save, load, chooseAndLoad, importArchive }
}
