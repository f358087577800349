import type { Events } from '../events/events'
import type { Catalog } from './catalog'
import type { ImageStore } from './store'

/** Tells the engine's events what becomes of images, with the labels that they have. */
export class ImageNews {
  constructor(
    private readonly events: Events,
    private readonly catalog: Catalog,
    private readonly store: ImageStore,
  ) {}

  /** `image`: how the event knows it, by id or name; `name`: what it is called there. */
  tell(action: string, image: string, name = image): void {
    const { config } = this.store.configOf(this.catalog.find(image))
    this.events.emit('image', action, image, { ...config.Labels, name })
  }
}
