import { canonicalName, familiarName, parseReference, repositoryOf, withDefaultTag } from '../../../shared/reference'
import { EngineError } from '../errors'
import type { Events } from '../events/events'
import type { ImageRow, ImageStore } from './store'

/** A container as the rules of removal see it. */
export interface ImageUser {
  id: string
  name: string
  running: boolean
}

/** One line of what `docker rmi` prints. */
export type RemovalRecord = { Untagged: string } | { Deleted: string }

interface Conflict {
  message: string
  /** Whether a container is what stands in the way. */
  used: boolean
}

const short = (id: string) => id.replace('sha256:', '').slice(0, 12)
const isCanonical = (reference: string) => reference.includes('@')
const repository = (reference: string) => repositoryOf(parseReference(reference))
const familiar = (reference: string) => familiarName(parseReference(reference))

/** Untags and deletes images by dockerd's rules (its `ImageDelete`). */
export class Removal {
  constructor(
    private readonly store: ImageStore,
    private readonly events: Events,
    private readonly usedBy: (imageId: string) => ImageUser[],
  ) {}

  /**
   * Removes what `given` names: a name is untagged, and the image goes with its last one; an id removes the image with
   * its names, when they are all of one repository. Throws kind 'conflict' where a container, a child or another name
   * stands in the way; `force` overrides all but running containers and children.
   */
  remove(image: ImageRow, given: string, force: boolean, prune: boolean): RemovalRecord[] {
    const records: RemovalRecord[] = []
    const references = this.store.referencesOf(image.id)
    if (isIdOf(image.id, given)) {
      if (isSingle(references)) {
        const conflict = this.conflict(image.id, force, false)
        if (conflict) throw new EngineError('conflict', conflict.message)
        for (const reference of references) this.untag(image.id, reference, records)
      }
      return this.delete(image.id, force, prune, false, records)
    }
    const user = this.usedBy(image.id)[0]
    if (!force && isSingle(references) && user) {
      throw new EngineError(
        'conflict',
        `conflict: unable to remove repository reference "${given}" (must force) - ` +
          `container ${short(user.id)} is using its referenced image ${short(image.id)}`,
      )
    }
    const name = this.referenceOf(given)
    this.untag(image.id, name, records)
    const rest = this.store.referencesOf(image.id)
    const inRepository = rest.filter((other) => repository(other) === repository(name))
    // Digests alone do not hold an image that has lost the last tag of their repository.
    if (!isCanonical(name) && inRepository.every(isCanonical)) {
      for (const other of inRepository) this.untag(image.id, other, records)
    }
    if (this.store.referencesOf(image.id).length > 0) return records
    return this.delete(image.id, force, prune, true, records)
  }

  /** With `quiet`, what stands in the way ends the removal without an error, unless the image would be left without a use. */
  private delete(
    id: string,
    force: boolean,
    prune: boolean,
    quiet: boolean,
    records: RemovalRecord[],
  ): RemovalRecord[] {
    const conflict = this.conflict(id, force, true)
    if (conflict) {
      const dangling = this.store.referencesOf(id).length === 0 && this.store.childrenOf(id).length === 0
      if (quiet && (!dangling || conflict.used)) return records
      throw new EngineError('conflict', conflict.message)
    }
    const { parent } = this.store.get(id)!
    for (const reference of this.store.referencesOf(id)) this.untag(id, reference, records)
    const chain = this.store.delete(id, this.usedBy(id).length > 0)
    this.events.emit('image', 'delete', id, { name: id })
    records.push({ Deleted: id }, ...chain.map((chainId) => ({ Deleted: chainId })))
    return prune && parent && this.store.get(parent) ? this.delete(parent, false, true, true, records) : records
  }

  private conflict(id: string, force: boolean, references: boolean): Conflict | undefined {
    const message = (how: string, why: string) => `conflict: unable to delete ${short(id)} (${how}) - ${why}`
    if (this.store.childrenOf(id).length > 0)
      return { message: message('cannot be forced', 'image has dependent child images'), used: false }
    const users = this.usedBy(id)
    const running = users.find((user) => user.running)
    if (running) {
      const why = `image is being used by running container ${short(running.id)}`
      return { message: message('cannot be forced', why), used: true }
    }
    if (force) return undefined
    if (references && this.store.referencesOf(id).length > 0)
      return { message: message('must be forced', 'image is referenced in multiple repositories'), used: false }
    if (users[0]) {
      const why = `image is being used by stopped container ${short(users[0].id)}`
      return { message: message('must be forced', why), used: true }
    }
    return undefined
  }

  private untag(id: string, reference: string, records: RemovalRecord[]): void {
    this.store.unname(reference)
    this.events.emit('image', 'untag', id, { name: id })
    records.push({ Untagged: familiar(reference) })
  }

  private referenceOf(given: string): string {
    const reference = withDefaultTag(parseReference(given))
    // NAME:TAG@DIGEST names the image by its digest.
    return canonicalName(reference.digest ? { ...reference, tag: undefined } : reference)
  }
}

/** Whether `given` is (the beginning of) the image's id rather than a name. */
function isIdOf(id: string, given: string): boolean {
  return /^(sha256:)?[a-f0-9]+$/.test(given) && id.startsWith(given.startsWith('sha256:') ? given : `sha256:${given}`)
}

/** Whether an image's names amount to one: a single name, or one tag with digests of the same repository. */
function isSingle(references: readonly string[]): boolean {
  if (references.length <= 1) return true
  const tags = references.filter((reference) => !isCanonical(reference))
  if (tags.length > 1) return false
  const digestRepositories = new Set(references.filter(isCanonical).map(repository))
  return digestRepositories.size === 1 && digestRepositories.has(repository(tags[0] ?? references[0]!))
}
