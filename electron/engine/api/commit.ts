import { z } from 'zod'
import { familiarName, parseReference, withDefaultTag, type Reference } from '../../../shared/reference'
import { commit } from '../containers/commit'
import { createBody } from '../containers/config'
import type { Containers } from '../containers/containers'
import { EngineError, messageOf } from '../errors'
import type { Images } from '../images/images'
import { created, flag, type Route } from './http'

/** POST /commit: an image of a container. */
export function commitRoutes(containers: Containers, images: Images): Route[] {
  return [
    [
      'POST',
      '/commit',
      async (request) => {
        const { query } = request
        const container = containers.find(query.get('container') ?? '')
        const name = nameOf(query.get('repo') ?? '', query.get('tag') ?? '')
        const body = await request.json(z.record(z.string(), z.unknown()).nullable())
        const id = await commit(images, containers, container, {
          comment: query.get('comment') ?? '',
          author: query.get('author') ?? '',
          pause: flag(query, 'pause', true),
          // One change a parameter, or several in its lines.
          changes: query.getAll('changes').flatMap((text) => text.split('\n')),
          config: Object.keys(body ?? {}).length > 0 ? createBody.parse(body).config : undefined,
        })
        if (name) images.tag(id, name)
        const imageRef = name ? familiarName(name) : ''
        containers.lifecycle.emit(container, 'commit', { comment: query.get('comment') ?? '', imageID: id, imageRef })
        return created({ Id: id })
      },
    ],
  ]
}

/** Throws kind 'invalid' in Docker's words. */
function nameOf(repository: string, tag: string): Reference | undefined {
  if (repository === '') return undefined
  try {
    return withDefaultTag(parseReference(tag === '' ? repository : `${repository}:${tag}`))
  } catch (error) {
    throw new EngineError('invalid', messageOf(error))
  }
}
