import { packTar, unpackTar } from 'modern-tar'
import { computed, onScopeDispose, ref, shallowRef, watch } from 'vue'
import { messageOf, request } from '../../api/client'
import { sendFiles } from '../../api/send'
import { childPath, type FileEntry, listCommand, parseListing } from '../../lib/files'
import { Helper } from '../../lib/helper'

/** Where the volume lies in the helper. */
const root = '/volume'

/** The files of one volume, reached through a helper container that lives while they are looked at. */
export function useVolumeFiles(volume: () => string, onChange: () => void) {
  const path = ref('/')
  const entries = shallowRef<FileEntry[]>()
  const error = ref<string>()
  /** Said while something is under way. */
  const doing = ref<string>()
  let opened: Promise<Helper> | undefined

  const helper = () => (opened ??= Helper.open([{ volume: volume(), at: root }]))
  const inHelper = (file: string) => (file === '/' ? root : root + file)
  const close = async () => {
    const before = opened
    opened = undefined
    await (await before?.catch(() => undefined))?.close()
  }

  /** Runs a command in the helper; one that has ended meanwhile is replaced. */
  async function run(command: string[]): Promise<string> {
    const used = await helper()
    try {
      return await used.run(command)
    } catch (cause) {
      if (!/No such container|is not running/.test(messageOf(cause))) throw cause
      opened = undefined
      return (await helper()).run(command)
    }
  }

  async function list(): Promise<void> {
    const wanted = path.value
    try {
      const found = parseListing(await run(listCommand(inHelper(wanted))))
      if (wanted !== path.value) return
      entries.value = found
      error.value = undefined
    } catch (cause) {
      if (wanted === path.value) error.value = messageOf(cause)
      opened = undefined
    }
  }

  watch(
    volume,
    async () => {
      await close()
      path.value = '/'
      entries.value = undefined
      await list()
    },
    { immediate: true },
  )
  watch(path, () => {
    entries.value = undefined
    void list()
  })
  onScopeDispose(() => void close())

  /** Does something that changes files, then reads the folder again. @throws what `work` throws */
  async function change(what: string, work: () => Promise<unknown>): Promise<void> {
    doing.value = what
    try {
      await work()
    } finally {
      doing.value = undefined
      onChange()
      await list()
    }
  }

  const archive = async (file: string) => `/containers/${(await helper()).id}/archive?${new URLSearchParams({ path: inHelper(file) })}` // prettier-ignore

  return {
    path,
    entries,
    error,
    doing: computed(() => doing.value),
    list,
    close,
    /** The API's path to a file, or a folder and all in it, as a tar. */
    archive,
    /** @throws {ApiError} */
    async read(file: string): Promise<Uint8Array<ArrayBuffer>> {
      const tar = new Uint8Array(await (await request('GET', await archive(file))).arrayBuffer())
      const [entry] = await unpackTar(tar)
      return new Uint8Array(entry?.data ?? [])
    },
    write: (folder: string, { name, mode }: Pick<FileEntry, 'name' | 'mode'>, text: string) =>
      change(`Saving ${name}`, async () => {
        const body = new TextEncoder().encode(text)
        const tar = await packTar([{ header: { name, mode, size: body.length, mtime: new Date() }, body }])
        await request('PUT', await archive(folder), { raw: tar })
      }),
    /** Puts files and folders of this computer into the folder. */
    upload: (paths: string[]) =>
      change(`Uploading ${paths.length > 1 ? `${paths.length} files` : ''}`, async () =>
        sendFiles(paths, 'PUT', await archive(path.value)),
      ),
    makeFolder: (name: string) =>
      change(`Making ${name}`, () => run(['mkdir', '--', inHelper(childPath(path.value, name))])),
    rename: (from: string, to: string) =>
      change(`Renaming ${from}`, () => {
        const [before, after] = [from, to].map((name) => inHelper(childPath(path.value, name))) as [string, string]
        // mv's own way of keeping what is there says nothing when it does.
        return run(['sh', '-c', 'if [ -e "$2" ]; then echo "There is one of this name already." >&2; exit 1; fi; mv -- "$1" "$2"', 'sh', before, after]) // prettier-ignore
      }),
    remove: (names: string[]) =>
      change('Deleting', () => run(['rm', '-rf', '--', ...names.map((name) => inHelper(childPath(path.value, name)))])),
    empty: () =>
      change('Emptying', () =>
        run(['find', root, '-mindepth', '1', '-maxdepth', '1', '-exec', 'rm', '-rf', '{}', '+']),
      ),
  }
}

/** Copies every file of a volume, with owners, modes and times, into a new volume. @throws {ApiError} */
export async function cloneVolume(from: string, to: string, create: (name: string) => Promise<unknown>): Promise<void> {
  await create(to)
  const helper = await Helper.open([{ volume: from, at: '/from' }, { volume: to, at: '/to' }]) // prettier-ignore
  try {
    await helper.run(['cp', '-a', '/from/.', '/to/'])
  } catch (cause) {
    await helper.close()
    await request('DELETE', `/volumes/${to}`).catch(() => undefined)
    throw cause
  }
  await helper.close()
}
