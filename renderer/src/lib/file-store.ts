import type { Ref } from 'vue'
import type { FileEntry } from './files'

/** Files that can be looked through and changed, a folder at a time: those of a volume or of a container. */
export interface FileStore {
  /** The folder that is shown; `/` is the top. */
  path: Ref<string>
  /** What is in it; undefined while it is read. */
  entries: Readonly<Ref<FileEntry[] | undefined>>
  error: Readonly<Ref<string | undefined>>
  /** Said while something is under way. */
  doing: Readonly<Ref<string | undefined>>
  /** What differs from where the files came from, by path. */
  marks?: Readonly<Ref<ReadonlyMap<string, 'added' | 'changed'>>>
  /** Why nothing can be renamed or deleted now. */
  fixed?: Readonly<Ref<string | undefined>>
  /** Whether a link leads to a folder. Without it links are only shown. */
  isFolder?(file: string): Promise<boolean>
  /** Reads the folder again. */
  list(): Promise<void>
  /** The API's path to a file, or a folder and all in it, as a tar. */
  archive(file: string): Promise<string>
  /** @throws {ApiError} */
  read(file: string): Promise<Uint8Array<ArrayBuffer>>
  write(folder: string, entry: Pick<FileEntry, 'name' | 'mode'>, text: string): Promise<void>
  /** Puts files and folders of this computer, given by path, into the folder. */
  upload(paths: string[]): Promise<void>
  makeFolder(name: string): Promise<void>
  rename(from: string, to: string): Promise<void>
  remove(names: string[]): Promise<void>
}
