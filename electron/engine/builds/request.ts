import type { Credentials } from '../registry/auth'

/** What POST /build asks for, besides the context. */
export interface BuildRequest {
  /** Names to give the result, as they were sent. */
  tags: string[]
  /** The Dockerfile's path in the context. */
  dockerfile: string
  /** A URL to build from instead of the request's body; '' for none. */
  remote: string
  noCache: boolean
  /** Images whose steps may be taken over; undefined: whatever was built here. */
  cacheFrom: string[] | undefined
  /** Ask the registries for newer base images. */
  pull: boolean
  /** Remove the containers of steps: of those that went well, of the others. */
  rm: boolean
  forceRm: boolean
  buildArgs: Map<string, string | null>
  labels: Record<string, string>
  target: string
  /** `linux/386`, '' for this machine's. */
  platform: string
  /** Of the containers of RUN, as HostConfig has it. */
  hostConfig: Record<string, unknown>
  /** By registry: host names as in X-Registry-Config. */
  credentials: ReadonlyMap<string, Credentials>
}
