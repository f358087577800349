import {
  canonicalName,
  familiarName,
  isDigest,
  parseReference,
  repositoryOf,
  withDefaultTag,
  type Reference,
} from '../../../shared/reference'
import { EngineError, messageOf } from '../errors'
import type { ImageRow, ImageStore } from './store'
import type { FullImage } from './views'

/** Finds images by what people call them. */
export class Catalog {
  constructor(private readonly store: ImageStore) {}

  /**
   * The image with this NAME[:TAG], NAME@DIGEST, id, or unambiguous beginning of an id; a name goes before an id's
   * beginning. Throws kind 'notFound' when there is none, 'invalid' for what can be neither.
   */
  find(text: string): ImageRow {
    const bare = text.replace(/^sha256:/, '')
    if (isDigest(`sha256:${bare}`)) {
      const image = this.store.get(`sha256:${bare}`)
      if (image) return image
      throw new EngineError('notFound', `No such image: ${text}`)
    }
    const reference = reading(text)
    const image = reference && this.store.named(lookupName(reference))
    if (image) return image
    const [first, second] = /^[a-f0-9]+$/.test(bare) ? this.store.withPrefix(bare) : []
    if (second) throw new EngineError('invalid', `Multiple IDs found with provided prefix: ${text}`)
    if (first) return first
    if (!reference) throw new EngineError('invalid', 'invalid reference format')
    throw new EngineError('notFound', `No such image: ${familiarName(withDefaultTag(reference))}`)
  }

  /** Every image, with its configuration, layers and names. */
  all(): FullImage[] {
    return this.store.all().map((image) => this.full(image))
  }

  /** The image and those that it was built on, newest first, as far as they are here. */
  lineOf(image: FullImage): FullImage[] {
    const line = [image]
    for (let row = this.store.get(image.image.parent); row; row = this.store.get(row.parent)) line.push(this.full(row))
    return line
  }

  full(image: ImageRow): FullImage {
    return {
      image,
      config: this.store.configOf(image),
      layers: this.store.layersOf(image.id),
      references: this.store.referencesOf(image.id),
    }
  }

  /** What a name given to `save` means: images, each with the name (in full) to save it by; a repository means all its tags. */
  forSaving(name: string): [ImageRow, string?][] {
    const reference = reading(name)
    if (reference && !reference.tag && !reference.digest) {
      const tags = this.store.referencesIn(repositoryOf(reference)).filter((each) => !each.includes('@'))
      if (tags.length > 0) return tags.map((tag) => [this.store.named(tag)!, tag])
    }
    const image = this.find(name)
    const named = reference?.tag && !reference.digest && this.store.named(canonicalName(reference))
    return [[image, named ? canonicalName(reference) : undefined]]
  }
}

/** The text as an image's name, undefined when it is none. Throws only what is more telling than "not found". */
function reading(text: string): Reference | undefined {
  try {
    return parseReference(text)
  } catch (error) {
    if (messageOf(error) === 'invalid reference format') return undefined
    throw new EngineError('invalid', messageOf(error))
  }
}

/** The name in full under which the store has it; NAME:TAG@DIGEST is known by its digest. */
function lookupName(reference: Reference): string {
  const { tag, digest } = withDefaultTag(reference)
  return canonicalName({ ...reference, tag: digest ? undefined : tag })
}
