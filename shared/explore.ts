/**
 * What the routes under /berth/images and /berth/registry speak of. Sizes are bytes.
 *
 *     GET /berth/images/{name}/layers/{diffId}/files    LayerFile a line: what the layer adds, changes or takes away
 *     GET /berth/registry/catalog?registry=HOST         { repositories, supported }: what the registry lists
 *     GET /berth/registry/tags?name=REPOSITORY          { tags }
 *     GET /berth/registry/image?name=REFERENCE          RemoteImage
 *
 * The routes under /berth/registry take Docker's X-Registry-Auth.
 */

/** An entry of a layer. `removed`: it hides what a layer below has; `opaque`: it hides all that those have in the folder. */
export interface LayerFile {
  path: string
  kind: 'file' | 'folder' | 'link' | 'hardlink' | 'other' | 'removed' | 'opaque'
  size: number
  /** What a link leads to. */
  target?: string
}

/** GET /berth/registry/catalog. Many registries (Docker Hub among them) list nothing: `supported` is false then. */
export interface RegistryCatalog {
  supported: boolean
  repositories: string[]
}

/** What a registry has under a name. */
export interface RemoteImage {
  digest: string
  mediaType: string
  platforms: RemotePlatform[]
}

export interface RemotePlatform {
  /** `linux/amd64`, `linux/arm/v7`. */
  platform: string
  digest: string
  /** Bytes to pull: layers as they travel, and the configuration. */
  size: number
  /** RFC 3339; '' where the image does not tell. */
  created: string
  /** Whether this engine's machine can run it. */
  runs: boolean
  layers: { digest: string; size: number }[]
}

/** A registry that the window shows; main keeps the list (electron/main/registries.ts). */
export interface KnownRegistry {
  host: string
  loggedIn: boolean
}
