import { packTar, unpackTar } from 'modern-tar'
import { computed, onScopeDispose, ref, shallowRef, watch } from 'vue'
import { isAbort, json, messageOf, request } from '../../api/client'
import { sendFiles } from '../../api/send'
import { marksOf, readTree } from '../../lib/container-files'
import type { FileStore } from '../../lib/file-store'
import { childPath, type FileEntry, listCommand, parseListing } from '../../lib/files'
import { bytes } from '../../lib/format'
import { runIn } from '../../lib/helper'

/** Links are followed this often, as Linux does. */
const linksFollowed = 40

/**
 * The files of one container, by the Docker Engine API alone. A running one lists its folders itself (an exec of find
 * and stat); one that does not run, or has no such programs, is read through once as an archive.
 */
export function useContainerFiles(id: () => string, running: () => boolean): FileStore {
  const path = ref('/')
  const entries = shallowRef<FileEntry[]>()
  const error = ref<string>()
  const doing = ref<string>()
  const marks = shallowRef(new Map<string, 'added' | 'changed'>())
  /** Of a container that can't list by itself. */
  const tree = shallowRef<Map<string, FileEntry[]>>()
  let abort = new AbortController()

  async function listHere(wanted: string): Promise<FileEntry[] | undefined> {
    if (!running()) return undefined
    // Without the programs there is another way to read them; find's complaints about single files don't matter.
    const out = await runIn(id(), listCommand(wanted), '0').catch(() => undefined)
    return out === undefined ? undefined : parseListing(out)
  }

  async function readAll(): Promise<void> {
    const { signal } = (abort = new AbortController())
    try {
      tree.value = await readTree(id(), (read) => (doing.value = `Reading its files: ${bytes(read)}`), signal)
    } finally {
      doing.value = undefined
    }
  }

  async function list(): Promise<void> {
    const [container, wanted] = [id(), path.value]
    const isCurrent = () => container === id() && wanted === path.value
    try {
      const changes = await json<{ Path: string; Kind: number }[] | null>('GET', `/containers/${container}/changes`)
      marks.value = marksOf(changes ?? [])
      let found = await listHere(wanted)
      if (!found) {
        if (!tree.value) await readAll()
        found = tree.value?.get(wanted) ?? []
      }
      if (!isCurrent()) return
      entries.value = found
      error.value = undefined
    } catch (cause) {
      if (isCurrent() && !isAbort(cause)) error.value = messageOf(cause)
    }
  }

  watch([id, running], () => ((tree.value = undefined), void list()), { immediate: true })
  watch(path, () => {
    entries.value = undefined
    void list()
  })
  onScopeDispose(() => abort.abort())

  async function change(what: string, work: () => Promise<unknown>): Promise<void> {
    doing.value = what
    try {
      await work()
    } finally {
      doing.value = undefined
      tree.value = undefined
      await list()
    }
  }
  const archive = async (file: string) => `/containers/${id()}/archive?${new URLSearchParams({ path: file })}`
  const put = async (folder: string, header: Parameters<typeof packTar>[0][number]) => request('PUT', await archive(folder), { raw: await packTar([header]) }) // prettier-ignore
  const here = (name: string) => childPath(path.value, name)

  return {
    path,
    entries,
    error,
    doing,
    marks,
    fixed: computed(() => (running() ? undefined : 'Start it to rename or delete')),
    list: async () => {
      tree.value = undefined
      await list()
    },
    archive,
    isFolder: async (file) =>
      running() &&
      (await runIn(id(), ['test', '-d', file], '0').then(
        () => true,
        () => false,
      )),
    async read(file) {
      for (let left = linksFollowed, at = file; left > 0; left--) {
        const tar = new Uint8Array(await (await request('GET', await archive(at))).arrayBuffer())
        const [entry] = await unpackTar(tar)
        if (entry?.header.type !== 'symlink') return new Uint8Array(entry?.data ?? [])
        at = new URL(entry.header.linkname ?? '', `file://${at}`).pathname
      }
      throw new Error('Its links lead in a circle.')
    },
    write: (folder, { name, mode }, text) =>
      change(`Saving ${name}`, () => {
        const body = new TextEncoder().encode(text)
        return put(folder, { header: { name, mode, size: body.length, mtime: new Date() }, body })
      }),
    upload: (paths) =>
      change(`Uploading ${paths.length > 1 ? `${paths.length} files` : ''}`, async () =>
        sendFiles(paths, 'PUT', await archive(path.value)),
      ),
    makeFolder: (name) =>
      change(`Making ${name}`, () =>
        put(path.value, { header: { name, type: 'directory', size: 0, mode: 0o755, mtime: new Date() } }),
      ),
    rename: (from, to) =>
      change(
        `Renaming ${from}`,
        () =>
        // mv's own way of keeping what is there says nothing when it does.
        runIn(id(), ['sh', '-c', 'if [ -e "$2" ]; then echo "There is one of this name already." >&2; exit 1; fi; mv -- "$1" "$2"', 'sh', here(from), here(to)], '0'), // prettier-ignore
      ),
    remove: (names) => change('Deleting', () => runIn(id(), ['rm', '-rf', '--', ...names.map(here)], '0')),
  }
}
